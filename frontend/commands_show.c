/*
 * Values, names, the stack, page tables and translated code: print, symbols, stack, page, why,
 * jit-dump. Source of page: SDM Vol. 3A, "32-Bit Paging".
 */
#include "frontend/commands_debug.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "devices/board/crash.h"
#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/debug_why.h"
#include "devices/board/machine.h"
#include "devices/board/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DUMP_BYTES = 256 << 10 };

bool command_print(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    char text[COMMAND_LINE_MAX], name[200];
    u64 value;

    if (!d)
        return false;
    if (!command_evaluate(c, command_rest(line, 1, text), &value, out))
        return false;
    text_addf(out, "0x%" PRIx64 "  %" PRIu64, value, value);
    if (value >= 0x20 && value < 0x7F)
        text_addf(out, "  '%c'", (char)value);
    if (*debug_symbol_text(debug_symbols(d), value, name, sizeof name))
        text_addf(out, "  %s", name);
    text_add(out, "\n");
    return true;
}

static bool load_symbols(struct command_context *c, const struct command_line *line,
                         struct symbols *s, struct text *out)
{
    char err[300];
    u64 base = 0;
    int n;

    if (line->count > 3 && !command_evaluate(c, line->word[3], &base, out))
        return false;
    n = symbols_load_file(s, line->word[2], base, err, sizeof err);
    if (n < 0)
        text_addf(out, "%s\n", err);
    else
        text_addf(out, "%d symbols\n", n);
    return n >= 0;
}

bool command_symbols(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    struct symbols *s = d ? debug_symbols(d) : NULL;

    if (!s)
        return false;
    if (line->count == 1) {
        text_addf(out, "%u symbols\n", symbols_count(s));
        return true;
    }
    if (!strcmp(line->word[1], "clear") && line->count == 2) {
        symbols_clear(s);
        return true;
    }
    if (!strcmp(line->word[1], "load") && line->count > 2)
        return load_symbols(c, line, s, out);
    return text_fail(out,
                     "symbols load FILE [BASE], symbols clear, or symbols alone to count them");
}

/* ---- Page tables ---- */

static void add_entry(struct text *out, const char *level, u64 at, u32 entry, bool large)
{
    static const struct {
        u32 bit;
        const char *set, *clear;
    } bits[] = {{1 << 1, "writable", "read-only"}, {1 << 2, "user", "supervisor"},
                {1 << 5, "accessed", NULL},        {1 << 6, "dirty", NULL},
                {1 << 8, "global", NULL},          {1 << 3, "write-through", NULL},
                {1 << 4, "not cached", NULL}};

    text_addf(out, "%s at %08" PRIx64 ": %08x", level, at, entry);
    if (!(entry & 1)) {
        text_add(out, "  not present\n");
        return;
    }
    text_addf(out, "  to %08x", large ? entry & 0xFFC00000 : entry & 0xFFFFF000);
    for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
        const char *word = entry & bits[i].bit ? bits[i].set : bits[i].clear;

        if (word)
            text_addf(out, ", %s", word);
    }
    text_add(out, large ? ", a page of 4 MiB\n" : "\n");
}

static bool read_entry(struct machine *m, struct text *out, u64 at, u32 *entry)
{
    u8 raw[4];

    if (machine_read_physical(m, at, raw, sizeof raw) != sizeof raw) {
        text_addf(out, "no memory at %08" PRIx64 "\n", at);
        return false;
    }
    *entry = get_le32(raw);
    return true;
}

static void walk(struct machine *m, const struct cpu *c, u64 la, struct text *out)
{
    u64 pde_at = (c->cr3 & 0xFFFFF000) + (la >> 22) * 4, pte_at;
    bool large;
    u32 entry;

    text_addf(out, "linear %08" PRIx64 ", cr3 %08" PRIx64 "\n", la, c->cr3);
    if (!read_entry(m, out, pde_at, &entry))
        return;
    large = (c->cr4 & CR4_PSE) && (entry & 1 << 7);
    add_entry(out, "directory entry", pde_at, entry, large);
    if (!(entry & 1))
        return;
    if (large) {
        text_addf(out, "physical %08" PRIx64 "\n", (entry & 0xFFC00000) | (la & 0x3FFFFF));
        return;
    }
    pte_at = (entry & 0xFFFFF000) + (la >> 12 & 0x3FF) * 4;
    if (!read_entry(m, out, pte_at, &entry))
        return;
    add_entry(out, "table entry    ", pte_at, entry, false);
    if (entry & 1)
        text_addf(out, "physical %08" PRIx64 "\n", (entry & 0xFFFFF000) | (la & 0xFFF));
}

bool command_page(struct command_context *c, const struct command_line *line, struct text *out)
{
    const struct cpu *cpu = machine_cpu(c->machine, 0);
    char text[COMMAND_LINE_MAX];
    u64 la;

    if (!command_evaluate(c, command_rest(line, 1, text), &la, out))
        return false;
    la = (u32)la;
    if (cpu->cr0 & CR0_PG)
        walk(c->machine, cpu, la, out);
    else
        text_addf(out, "paging is off: physical %08" PRIx64 "\n", la);
    return true;
}

/* ---- Stack ---- */

enum { STACK_ITEMS = 16, STACK_ITEMS_MAX = 4096 };

/* What an item on the stack may be: a code address of the present code segment. */
static void add_item(struct command_context *c, const struct cpu *cpu, struct text *out, u64 value)
{
    struct debug *d = machine_debug(c->machine);
    char name[200];

    if (d && *debug_symbol_text(debug_symbols(d), (u32)(cpu->seg[SEG_CS].base + value), name,
                                sizeof name))
        text_addf(out, "  %s", name);
    text_add(out, "\n");
}

bool command_stack(struct command_context *c, const struct command_line *line, struct text *out)
{
    const struct cpu *cpu = machine_cpu(c->machine, 0);
    unsigned item = cpu->mode & MODE_CODE_SIZE ? 4 : 2;
    u64 sp = cpu->gpr[RSP], count = STACK_ITEMS, value;

    if (line->count > 1 && !command_evaluate(c, line->word[1], &count, out))
        return false;
    for (u64 i = 0; i < min_u64(count, STACK_ITEMS_MAX); i++, sp += item) {
        u64 at = sp & cpu->stack_mask;

        value = 0;
        if (machine_read_linear(c->machine, (u32)(cpu->seg[SEG_SS].base + at), &value, item) !=
            item)
            return text_fail(out, "no memory there");
        text_addf(out, "%04x:%0*" PRIx64 "  %0*" PRIx64, cpu->seg[SEG_SS].sel, (int)item * 2, at,
                  (int)item * 2, value);
        add_item(c, cpu, out, value);
    }
    return true;
}

bool command_callers(struct command_context *c, const struct command_line *line, struct text *out)
{
    char text[2048] = "";
    struct report r = {.at = text, .room = sizeof text};

    command_debugger(c, out);
    crash_add_callers(c->machine, &r);
    text_add(out, *text ? text : "no return address on the stack\n");
    return true;
}

bool command_why(struct command_context *c, const struct command_line *line, struct text *out)
{
    char text[2048];

    debug_why(c->machine, text, sizeof text);
    text_add(out, text);
    return true;
}

/* ---- Translated code ---- */

bool command_jit_dump(struct command_context *c, const struct command_line *line, struct text *out)
{
    char text[COMMAND_LINE_MAX], *report;
    bool good;
    u64 la;

    if (!command_evaluate(c, command_rest(line, 1, text), &la, out))
        return false;
    report = malloc(DUMP_BYTES);
    if (!report)
        return text_fail(out, "the host has no memory for it");
    good = machine_translation(c->machine, la, report, DUMP_BYTES);
    text_add(out, report);
    free(report);
    return good;
}
