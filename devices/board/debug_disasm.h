/* One guest instruction as text: by capstone where the build has it, else by our own tables. */
#ifndef DEVICES_BOARD_DEBUG_DISASM_H
#define DEVICES_BOARD_DEBUG_DISASM_H

#include "base/types.h"

struct cpu;
struct symbols;

enum { DISASM_TEXT = 320 };

/*
 * The instruction in `bytes`, decoded for the processor's present code size; `ip` is its address as
 * branches count, `la` its linear address, by which symbols are found (which may be NULL). Returns
 * its length, or 0 if it is none.
 */
unsigned debug_disassemble(const struct cpu *c, const struct symbols *symbols, const u8 *bytes,
                           size_t len, u64 ip, u64 la, char *out, size_t out_size);
/* "name+offset" of a linear address, or "" if no symbol is near. */
const char *debug_symbol_text(const struct symbols *symbols, u64 la, char *out, size_t out_size);

#endif
