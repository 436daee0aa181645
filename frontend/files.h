/* Files named without an option: each gets the drive or part that its contents suggest. */
#ifndef FRONTEND_FILES_H
#define FRONTEND_FILES_H

#include "frontend/options.h"
#include "frontend/text.h"

/*
 * Look at o->files and set drive, cdrom, kernel and initrd. One line for each file, what was
 * chosen and why, goes to `report`. Returns 0, or an exit code and a sentence in err.
 */
int files_assign(struct options *o, struct text *report, char *err, size_t err_size);
/* Where a file that comes with us lies ("roms/tour.img"), or NULL. To be freed. */
char *files_find_ours(const char *name);
/* All files that options name can be read: 0, or an exit code and a sentence in err. */
int files_check(const struct options *o, char *err, size_t err_size);

#endif
