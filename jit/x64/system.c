/*
 * System instructions. SDM Vol. 2, one page per instruction.
 */
#include "jit/x64/translate.h"

#include "cpu/op.h"

bool tr_system(struct tr *t, const struct insn *in)
{
    return tr_flags(t, in) || tr_real_segment(t, in);
}
