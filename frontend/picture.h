/*
 * Pictures in files: PNG where the build has libpng, else PPM. Saved with a palette where at most
 * 256 colours occur, so that pictures of old systems stay small.
 */
#ifndef FRONTEND_PICTURE_H
#define FRONTEND_PICTURE_H

#include "base/types.h"

struct display_frame;

/* A name for a picture taken now. */
void picture_name(char *name, size_t size);

/* Save under another name first, so that a full disk leaves no half a picture. Errors as a
 * sentence. */
bool picture_save(const struct display_frame *frame, const char *file, char *err, size_t err_size);

struct picture {
    u32 width, height;
    u32 *pixels; /* 0xAARRGGBB; alpha 0: "do not compare" */
};

bool picture_load(struct picture *p, const char *file, char *err, size_t err_size);
void picture_free(struct picture *p);

/*
 * The share of pixels that differ, in percent: those whose red, green or blue is further apart
 * than a 6-bit palette's rounding. 100 if the sizes differ.
 */
double picture_difference(const struct picture *expected, const struct display_frame *frame);

#endif
