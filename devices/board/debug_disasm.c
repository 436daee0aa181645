/* Disassembly with symbols; see debug_disasm.h. */
#include "devices/board/debug_disasm.h"

#include "cpu/cpu.h"
#include "devices/board/debug_symbols.h"

#include <stdio.h>
#include <string.h>

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

enum { SYMBOL_TEXT = SYMBOL_NAME_MAX + 20 };

const char *debug_symbol_text(const struct symbols *symbols, u64 la, char *out, size_t out_size)
{
    u64 offset;
    const char *name = symbols_at(symbols, la, &offset);

    if (!name)
        snprintf(out, out_size, "%s", "");
    else if (offset)
        snprintf(out, out_size, "%s+%llx", name, (unsigned long long)offset);
    else
        snprintf(out, out_size, "%s", name);
    return out;
}

#ifdef HAVE_CAPSTONE

static unsigned text_of(unsigned code_size, const struct insn *in, const u8 *bytes, u64 ip,
                        char *out, size_t out_size)
{
    static const cs_mode modes[] = {
        [CODE16] = CS_MODE_16, [CODE32] = CS_MODE_32, [CODE64] = CS_MODE_64};
    unsigned size = 0;
    cs_insn *insn;
    csh handle;

    if (cs_open(CS_ARCH_X86, modes[code_size % 3], &handle))
        return 0;
    if (cs_disasm(handle, bytes, in->len, ip, 1, &insn)) {
        snprintf(out, out_size, "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "", insn->op_str);
        size = insn->size;
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return size;
}

#else

static unsigned text_of(unsigned code_size, const struct insn *in, const u8 *bytes, u64 ip,
                        char *out, size_t out_size)
{
    insn_format(in, ip, code_size, out, out_size);
    return in->len;
}

#endif

/* The linear address that the instruction names: a branch target or plain memory. */
static bool names_address(const struct cpu *c, const struct insn *in, u64 ip, u64 la, u64 *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(in->kind); i++) {
        if (in->kind[i] == OPND_REL) {
            u64 target = ip + in->len + in->imm;

            *out = (u32)(la - ip + (in->opsize == 2 ? (u16)target : (u32)target));
            return true;
        }
        if (in->kind[i] == OPND_MEM && in->base == REG_NONE && in->index == REG_NONE) {
            *out = (u32)(c->seg[in->seg].base + (u32)in->disp);
            return true;
        }
    }
    return false;
}

unsigned debug_disassemble(const struct cpu *c, const struct symbols *symbols, const u8 *bytes,
                           size_t len, u64 ip, u64 la, char *out, size_t out_size)
{
    struct decode_mode mode = {
        .code = c->mode & MODE_CODE_SIZE, .protected = c->mode & MODE_PROTECTED, .model = c->model};
    char name[SYMBOL_TEXT];
    struct insn in;
    unsigned size = insn_decode(bytes, len, &mode, &in);
    size_t used;
    u64 target;

    if (size)
        size = text_of(mode.code, &in, bytes, ip, out, out_size);
    if (!size || !names_address(c, &in, ip, la, &target) ||
        !*debug_symbol_text(symbols, target, name, sizeof name))
        return size;
    used = strlen(out);
    snprintf(out + used, out_size - used, " <%s>", name);
    return size;
}
