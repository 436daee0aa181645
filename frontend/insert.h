/* Put a file into the drive that takes it. */
#ifndef FRONTEND_INSERT_H
#define FRONTEND_INSERT_H

#include "base/types.h"
#include "frontend/text.h"

struct frontend;

/*
 * The drive is chosen by what is in the file. `out` says in one line, without newline, what was
 * done or why it was not. Not on the machine thread.
 */
bool insert_file(struct frontend *f, const char *path, struct text *out);
/* The command that does it, "change fda \"x.img\""; false and the reason in `out`. Pure. */
bool insert_command(const char *drive, const char *path, char *command, size_t size,
                    struct text *out);

#endif
