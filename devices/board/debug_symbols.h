/*
 * Names of the guest's code and data, read from ELF and PE files and from maps, sorted by address.
 * Files are not trusted.
 */
#ifndef DEVICES_BOARD_DEBUG_SYMBOLS_H
#define DEVICES_BOARD_DEBUG_SYMBOLS_H

#include "base/types.h"

enum { SYMBOLS_MAX = 1 << 20, SYMBOL_NAME_MAX = 127 };

struct symbols;

/* NULL when out of memory. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);
void symbols_clear(struct symbols *s);
unsigned symbols_count(const struct symbols *s);

/*
 * Add those of a file in memory; `base` is added to each address (PE: instead of the file's own
 * image base). Returns how many there were, or -1 and a sentence in err; nothing is added then.
 */
int symbols_load(struct symbols *s, const u8 *data, size_t len, u64 base, char *err,
                 size_t err_size);
/* The same from a file of the host, at most 64 MiB. */
int symbols_load_file(struct symbols *s, const char *path, u64 base, char *err, size_t err_size);

/* False if there is no symbol of that name. NULL has none. */
bool symbols_find(const struct symbols *s, const char *name, u64 *address);
/* The last symbol at or before an address and how far behind it that is; NULL if there is none
 * within 64 KiB. */
const char *symbols_at(const struct symbols *s, u64 address, u64 *offset);

#endif
