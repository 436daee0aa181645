/*
 * Which snapshots an image has: the file IMAGE.snapshots beside it, a line with the full name of
 * each. So a machine that uses the image later, without loading any of them, goes on keeping what
 * it overwrites.
 */
#ifndef DEVICES_BOARD_SNAPREGISTRY_H
#define DEVICES_BOARD_SNAPREGISTRY_H

struct board;
struct snapdisks;

/* Any thread: `snapshot` is in place; add it to the lists of its images. */
void snapregistry_add(const char *snapshot, const struct snapdisks *d);
/* An image is in this drive from now on: go on keeping for its snapshots. */
void snapregistry_adopt(struct board *b, unsigned drive);

#endif
