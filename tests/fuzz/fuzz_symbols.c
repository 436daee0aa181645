/* Symbols from any bytes taken for an ELF, PE or map file, and looking them up. */
#include "devices/board/debug_symbols.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct symbols *s = symbols_new();
    char err[200];
    u64 offset, address;

    symbols_load(s, data, size, 0x1000, err, sizeof err);
    symbols_at(s, 0x1234, &offset);
    symbols_find(s, "main", &address);
    symbols_free(s);
    return 0;
}
