/* Addresses as users write them: numbers, registers, sums, SEGMENT:OFFSET. */
#ifndef FRONTEND_EXPRESSION_H
#define FRONTEND_EXPRESSION_H

#include "base/types.h"

struct cpu;

/*
 * Evaluate "cs:eip", "0xB8000", "$esp+4", "0040:0017" (a number before the colon is a real-mode
 * segment, in hexadecimal if it has no 0x and four digits, and so is what follows). `cpu` may be
 * NULL: registers are then zero. False and a sentence in err.
 */
bool expression_eval(const char *text, const struct cpu *cpu, u64 *out, char *err, size_t err_size);

#endif
