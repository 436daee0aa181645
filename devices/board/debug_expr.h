/*
 * Expressions over registers, flags, memory and symbols: conditions of breakpoints, addresses,
 * values to print. Parsed once, evaluated as often as a breakpoint is met.
 *
 *     ax == 4c00h && cs != f000h       word [ss:bp+6]        cs:eip+2
 *     byte [es:di] == 'M'              main + 10h            (eflags & 200h) == 0
 *
 * Operators are those of C with their precedence: || && | ^ & == != < <= > >= << >> + - * / %, and
 * ! ~ - in front. SEGMENT:OFFSET gives a linear address; a segment register has the base it has, a
 * number is a selector in protected mode and a paragraph elsewhere. [ADDRESS] is memory, with byte,
 * word, dword or qword before it, else as wide as operands are in the present code. Numbers are
 * decimal, or hexadecimal with 0x before or h behind, or four hexadecimal digits on a side of the
 * colon, as DOS books have them. Values have 64 bits; comparisons are unsigned.
 */
#ifndef DEVICES_BOARD_DEBUG_EXPR_H
#define DEVICES_BOARD_DEBUG_EXPR_H

#include "base/types.h"

struct cpu;
struct debug_expr;
struct symbols;

/* `symbols` may be NULL. NULL and a sentence in err if it is none. */
struct debug_expr *debug_expr_parse(const char *text, const struct symbols *symbols, char *err,
                                    size_t err_size);
void debug_expr_free(struct debug_expr *e);
const char *debug_expr_text(const struct debug_expr *e);

/*
 * With `c` NULL registers are zero and there is no memory. False, with a sentence in err (which may
 * be NULL), where memory is missing or for a division by zero.
 */
bool debug_expr_eval(const struct debug_expr *e, struct cpu *c, u64 *out, char *err,
                     size_t err_size);

/* Both at once. */
bool debug_eval(const char *text, const struct symbols *symbols, struct cpu *c, u64 *out, char *err,
                size_t err_size);

/* Where SELECTOR:0 is now. */
u64 debug_segment_base(struct cpu *c, u16 selector);

#endif
