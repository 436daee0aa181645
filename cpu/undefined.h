/*
 * Flags that the manual leaves open, as rules: what one processor does with them, so that the
 * interpreter can do the same on another. Both engines take such flags from the host's own
 * instructions, and processors differ in them; a recording holds the rules of its host.
 *
 * A rule makes a flag of two bits of the operands or the result: "the top bit of the result, xor
 * CF". Rules are found by trying: those that agree with some hundred executions of the instruction.
 * Where none does, the table says so. Not in the table: results of x87 transcendental instructions.
 */
#ifndef CPU_UNDEFINED_H
#define CPU_UNDEFINED_H

#include "base/types.h"

struct cpu;

/* The order is part of recordings. */
enum undefined_kind {
    UNDEFINED_ROL,
    UNDEFINED_ROR,
    UNDEFINED_RCL,
    UNDEFINED_RCR,
    UNDEFINED_SHL,
    UNDEFINED_SHR,
    UNDEFINED_SAR,
    UNDEFINED_SHLD,
    UNDEFINED_SHRD,
    UNDEFINED_MUL,
    UNDEFINED_IMUL,
    UNDEFINED_DIV,
    UNDEFINED_IDIV,
    UNDEFINED_BSF,
    UNDEFINED_BSR,
    UNDEFINED_KINDS
};

/*
 * Of shifts: by one, by less than the operand's bits, by as many or more; of SHLD and SHRD by more,
 * and by as many. Of BSF and BSR: of a value, of zero. Others have one class.
 */
enum { UNDEFINED_CLASSES = 4, UNDEFINED_SIZES = 4, UNDEFINED_FLAGS = 6 };

/* Two bits of undefined.c's list that are xored; the first may be inverted (80h). */
struct undefined_rule {
    u8 a, b;
};

/* What SHLD and SHRD shift in when they shift 16 bits by more than 16. */
enum undefined_double { DOUBLE_SOURCE, DOUBLE_DESTINATION, DOUBLE_UNKNOWN };

/* Bytes only: recordings hold it as it is. Sizes are 1, 2, 4, 8 bytes; flags CF PF AF ZF SF OF. */
struct undefined_table {
    struct undefined_rule rule[UNDEFINED_KINDS][UNDEFINED_CLASSES][UNDEFINED_SIZES]
                              [UNDEFINED_FLAGS];
    u8 shld, shrd; /* enum undefined_double */
};

/* One execution. Flags as in cpu->aflags. */
struct undefined_case {
    enum undefined_kind kind;
    unsigned size, count; /* bytes; of a shift */
    u64 a, b, hi;         /* destination or low half, source, high half of a dividend */
    u64 result, result_hi;
    u16 before, after; /* flags; those that are defined are right in `after` */
};

/*
 * What this host does. It executes some ten thousand instructions, a few milliseconds. False when
 * out of memory.
 */
bool undefined_probe(struct undefined_table *t);
/* Whether it can be used; it may come from a file. */
bool undefined_is_valid(const struct undefined_table *t);
/* Whether all rules of an instruction were found; whether two processors do the same with it. */
bool undefined_is_known(const struct undefined_table *t, enum undefined_kind kind);
bool undefined_is_same(const struct undefined_table *x, const struct undefined_table *y,
                       enum undefined_kind kind);
const char *undefined_name(enum undefined_kind kind);

/*
 * From now on a processor, which the interpreter must run, does what the table says; it stays the
 * caller's. NULL: what the host does.
 */
void undefined_use(struct cpu *c, const struct undefined_table *t);
/* x->after with the open flags by the table; where it knows no rule, as they are. */
u16 undefined_flags(const struct undefined_table *t, const struct undefined_case *x);
/* The result of SHLD and SHRD of 16 bits by more than 16; `otherwise` if that is not known. */
u64 undefined_double_shift(const struct undefined_table *t, const struct undefined_case *x,
                           u64 otherwise);

#endif
