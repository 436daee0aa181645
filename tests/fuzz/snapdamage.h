/*
 * Snapshots with damage: flipped bits as an accident makes them, and changed contents under right
 * checksums as somebody makes them who means harm.
 */
#ifndef TESTS_FUZZ_SNAPDAMAGE_H
#define TESTS_FUZZ_SNAPDAMAGE_H

#include "base/types.h"

/*
 * Copy a snapshot section by section, with `size` bytes of changes: section, offset (3 bytes), what
 * is done, a value; checksums and lengths are made to fit. Aborts if the first file is no good one.
 */
void snapdamage_rewrite(const char *from, const char *to, const u8 *data, size_t size);

#endif
