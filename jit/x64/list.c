/*
 * Host code as text, with names for where it leads. With capstone as instructions, without it as
 * bytes. Addresses are counted from the start of the code cache.
 */
#include "jit/private.h"

#include <stdio.h>
#include <string.h>

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>

enum { NAME_BYTES = 64 };

static const u8 *target_of(const struct jit *j, const cs_insn *in)
{
    const u8 *at = j->code.exec + in->address;
    s32 distance;

    if (in->size == 5 && (at[0] == 0xE8 || at[0] == 0xE9))
        memcpy(&distance, at + 1, sizeof distance);
    else if (in->size == 6 && at[0] == 0x0F && (at[1] & 0xF0) == 0x80)
        memcpy(&distance, at + 2, sizeof distance);
    else
        return NULL;
    return at + in->size + distance;
}

static bool is_jump_table(const struct jit *j, const u8 *target)
{
    for (unsigned i = 0; i < JUMP_MODES; i++)
        if (j->indirect[i] == target)
            return true;
    return false;
}

static void name_link(const struct block *b, const u8 *target, char *name)
{
    static const char *const flags[] = {", flags in the host's", ", flags in memory", ""};

    for (unsigned i = 0; i < b->links; i++) {
        const struct block *to = b->link[i].to;

        if (to && to->run && to->entry[b->link[i].entry] == target)
            snprintf(name, NAME_BYTES, "block %x:%03x%s", to->run->frame, to->run->offset,
                     flags[b->link[i].entry]);
    }
}

/* Where a jump leads, in words; empty if it stays in the block. */
static void name_target(const struct jit *j, const struct block *b, const u8 *target, char *name)
{
    *name = '\0';
    if (!target)
        return;
    if (target == j->helper)
        snprintf(name, NAME_BYTES, "helper");
    else if (target == j->leave_memory)
        snprintf(name, NAME_BYTES, "leave");
    else if (target == j->leave_register)
        snprintf(name, NAME_BYTES, "leave, flags in the host's");
    else if (is_jump_table(j, target))
        snprintf(name, NAME_BYTES, "table of jumps");
    else
        name_link(b, target, name);
}

/* mov r8, imm64 before a call of the helper: which instruction it is for. */
static void name_insn(const struct block *b, const cs_insn *in, char *name)
{
    const struct insn *guest;

    if (in->size != 10 || in->bytes[0] != 0x49 || in->bytes[1] != 0xB8)
        return;
    memcpy(&guest, in->bytes + 2, sizeof guest);
    for (unsigned i = 0; i < b->count; i++)
        if (guest == &b->run->insn[i])
            snprintf(name, NAME_BYTES, "%s, instruction %u", optab_rows[guest->row].name, i + 1);
}

void x64_list(const struct jit *j, const struct block *b, const u8 *at, const u8 *end,
              struct jit_text *t)
{
    char name[NAME_BYTES];
    cs_insn *in;
    csh handle;
    size_t n;

    if (at >= end || cs_open(CS_ARCH_X86, CS_MODE_64, &handle))
        return;
    n = cs_disasm(handle, at, (size_t)(end - at), (u64)(at - j->code.exec), 0, &in);
    for (size_t i = 0; i < n; i++) {
        name_target(j, b, target_of(j, &in[i]), name);
        name_insn(b, &in[i], name);
        jit_say(t, "    %07llx  %s%s%s%s%s\n", (unsigned long long)in[i].address, in[i].mnemonic,
                *in[i].op_str ? " " : "", in[i].op_str, *name ? "  ; " : "", name);
    }
    if (n)
        cs_free(in, n);
    cs_close(&handle);
}

#else

enum { BYTES_A_LINE = 24 };

void x64_list(const struct jit *j, const struct block *b, const u8 *at, const u8 *end,
              struct jit_text *t)
{
    for (; at < end; at += BYTES_A_LINE) {
        jit_say(t, "    %07llx ", (unsigned long long)(at - j->code.exec));
        for (unsigned i = 0; i < BYTES_A_LINE && at + i < end; i++)
            jit_say(t, " %02x", at[i]);
        jit_say(t, "\n");
    }
}

#endif
