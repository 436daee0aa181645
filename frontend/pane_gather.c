/*
 * What the debugger's panes show, read out of the machine; see pane.h. On the machine thread, and
 * without a trace in the guest.
 */
#include "frontend/pane.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/machine.h"
#include "devices/board/rewind.h"
#include "frontend/commands.h"
#include "frontend/expression.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BACK_BYTES = 15 /* of a longest instruction */ };

struct gatherer {
    struct machine *m;
    const struct cpu *c;
    struct debug *d;
    const struct symbols *symbols;
    const struct pane_request *ask;
    struct pane_view *v;
    u64 next; /* linear address of the next instruction */
};

static bool is_wide(const struct cpu *c)
{
    return (c->mode & MODE_CODE_SIZE) != CODE16;
}

static bool is_real(const struct cpu *c)
{
    return !(c->cr0 & CR0_PE) || c->eflags & EF_VM;
}

/* ---- Registers ---- */

static void add_register(struct pane_view *v, const char *name, u64 value, u8 digits, bool new_row)
{
    v->registers[v->register_count++] =
        (struct pane_register){.name = name, .value = value, .digits = digits, .new_row = new_row};
}

static void gather_registers(struct gatherer *g)
{
    static const struct {
        char name[4];
        u8 n;
    } gprs[] = {{"eax", RAX}, {"ebx", RBX}, {"ecx", RCX}, {"edx", RDX},
                {"esi", RSI}, {"edi", RDI}, {"ebp", RBP}, {"esp", RSP}},
      segments[] = {{"cs", SEG_CS}, {"ds", SEG_DS}, {"es", SEG_ES},
                    {"ss", SEG_SS}, {"fs", SEG_FS}, {"gs", SEG_GS}};
    const struct cpu *c = g->c;

    for (unsigned i = 0; i < ARRAY_LEN(gprs); i++)
        add_register(g->v, gprs[i].name, (u32)c->gpr[gprs[i].n], 8, i == 4);
    add_register(g->v, "eip", (u32)c->rip, 8, true);
    add_register(g->v, "efl", (u32)cpu_flags(c), 8, false);
    for (unsigned i = 0; i < ARRAY_LEN(segments); i++)
        add_register(g->v, segments[i].name, c->seg[segments[i].n].sel, 4, i == 0);
    add_register(g->v, "cr0", (u32)c->cr0, 8, true);
    add_register(g->v, "cr2", (u32)c->cr2, 8, false);
    add_register(g->v, "cr3", (u32)c->cr3, 8, false);
    add_register(g->v, "cr4", (u32)c->cr4, 8, false);
}

/* Those that are set in capitals. */
static void gather_flags(struct gatherer *g)
{
    static const struct {
        u32 bit;
        char clear, set;
    } flags[] = {{EF_OF, 'o', 'O'}, {EF_DF, 'd', 'D'}, {EF_IF, 'i', 'I'},
                 {EF_TF, 't', 'T'}, {EF_SF, 's', 'S'}, {EF_ZF, 'z', 'Z'},
                 {EF_AF, 'a', 'A'}, {EF_PF, 'p', 'P'}, {EF_CF, 'c', 'C'}};
    u64 value = cpu_flags(g->c);
    char *to = g->v->flags;

    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        *to++ = value & flags[i].bit ? flags[i].set : flags[i].clear;
        *to++ = ' ';
    }
    to[-1] = 0;
}

static void gather_state(struct gatherer *g)
{
    const struct cpu *c = g->c;
    const struct debug_stop *stop = g->d ? debug_last_stop(g->d) : NULL;
    const char *mode = c->eflags & EF_VM    ? "virtual-8086"
                       : !(c->cr0 & CR0_PE) ? "real mode"
                       : is_wide(c)         ? "protected mode, 32-bit code"
                                            : "protected mode, 16-bit code";
    struct pane_view *v = g->v;
    int n = snprintf(v->state, sizeof v->state, "%s", mode);

    if (c->cr0 & CR0_PE)
        n += snprintf(v->state + n, sizeof v->state - (size_t)n, ", ring %u%s", c->cpl,
                      c->cr0 & CR0_PG ? ", paging" : "");
    snprintf(v->state + n, sizeof v->state - (size_t)n, "%s",
             c->shutdown ? ", shut down by a triple fault"
             : c->halted ? ", halted until an interrupt"
                         : "");
    v->paused = machine_is_paused(g->m);
    v->past = rewind_is_past(machine_rewind(g->m));
    v->instructions = machine_instructions(g->m);
    v->now_ns = machine_now_ns(g->m);
    if (v->paused && stop && stop->reason == DEBUG_AT_POINT && stop->count == v->instructions)
        snprintf(v->stop, sizeof v->stop, "%d: %.110s", stop->point, stop->text);
}

/* ---- Code ---- */

/* The address as branches count it: in 16-bit code the offset in CS, if it is in there. */
static u64 branch_address(const struct gatherer *g, u64 la)
{
    u64 offset = (u32)(la - g->c->seg[SEG_CS].base);

    return is_wide(g->c) || offset <= 0xFFFF ? offset : la;
}

/* The instruction at `la` as text, and its length; 1 where there is none. */
static unsigned disassemble(const struct gatherer *g, u64 la, u8 *bytes, size_t *got, char *text,
                            size_t size)
{
    unsigned len;

    *got = machine_read_linear(g->m, la, bytes, INSN_MAX_BYTES);
    if (!*got) {
        snprintf(text, size, "(no memory there)");
        return 1;
    }
    len = debug_disassemble(g->c, g->symbols, bytes, *got, branch_address(g, la), la, text, size);
    if (!len)
        snprintf(text, size, "(none)");
    return len ? len : 1;
}

static unsigned length_at(const struct gatherer *g, u64 la)
{
    char text[DISASM_TEXT];
    u8 bytes[INSN_MAX_BYTES];
    size_t got;

    return disassemble(g, la, bytes, &got, text, sizeof text);
}

/* Whether the next instruction is among the first lines from `start` on, and not the last ones. */
static bool in_sight(const struct gatherer *g, u64 start)
{
    unsigned rows = g->ask->code_rows;
    u64 la = start;

    if (start > g->next || g->next - start > rows * BACK_BYTES)
        return false;
    for (unsigned i = 0; i + 2 < rows && la <= g->next; i++) {
        if (la == g->next)
            return true;
        la += length_at(g, la);
    }
    return false;
}

/* An instruction that ends where `la` begins, as far as one can tell: the longest way back. */
static u64 one_back(const struct gatherer *g, u64 la)
{
    for (unsigned back = 2 * BACK_BYTES; back; back--) {
        u64 at = la - back, before = at;

        if (back > la)
            continue;
        while (at < la) {
            before = at;
            at += length_at(g, at);
        }
        if (at == la)
            return before;
    }
    return la ? la - 1 : 0;
}

static u64 code_start(struct gatherer *g)
{
    const struct pane_request *ask = g->ask;
    u64 start = ask->code_start;
    int scroll;

    if (ask->code[0] && !ask->code_fixed) {
        if (!expression_eval(ask->code, g->m, &start, g->v->code_trouble,
                             sizeof g->v->code_trouble))
            start = g->next;
    } else if (!ask->code_fixed && !in_sight(g, start)) {
        start = g->next;
    }
    for (scroll = ask->code_scroll; scroll > 0; scroll--)
        start += length_at(g, start);
    for (; scroll < 0; scroll++)
        start = one_back(g, start);
    return (u32)start;
}

/* Where it is, as the present mode counts: CS:IP, or linear if that is the same or far away. */
static void place_of(const struct gatherer *g, u64 la, char out[PANE_PLACE])
{
    u64 base = g->c->seg[SEG_CS].base, offset = (u32)(la - base);

    if (!is_wide(g->c) && offset <= 0xFFFF)
        snprintf(out, PANE_PLACE, "%04x:%04" PRIx64, g->c->seg[SEG_CS].sel, offset);
    else if (is_wide(g->c) && base)
        snprintf(out, PANE_PLACE, "%04x:%08" PRIx64, g->c->seg[SEG_CS].sel, offset);
    else
        snprintf(out, PANE_PLACE, "%08" PRIx64, la);
}

static bool point_is_at(const struct gatherer *g, const struct debug_point *p, u64 la)
{
    const struct segment *cs = &g->c->seg[SEG_CS];

    if (p->kind != DEBUG_BREAK)
        return false;
    if (p->space == DEBUG_SEGMENTED)
        return is_real(g->c) ? p->selector * 16u + p->address == la
                             : p->selector == cs->sel && (u32)(cs->base + p->address) == la;
    return p->address == la && (p->space == DEBUG_LINEAR || !(g->c->cr0 & CR0_PG));
}

/* One that acts goes before one that rests. */
static void mark_points(const struct gatherer *g, struct pane_code *line)
{
    const struct debug_point *p;

    for (unsigned i = 0; g->d && (p = debug_point_at(g->d, i)); i++)
        if (p->owner == DEBUG_USER && line->point != PANE_POINT && point_is_at(g, p, line->la)) {
            line->point = p->flags & DEBUG_DISABLED ? PANE_POINT_OFF : PANE_POINT;
            line->point_id = p->id;
        }
}

/* "mov ax, word ptr [si]": in a narrow pane "ptr" says nothing that brackets do not. */
static void copy_shortened(char *to, size_t size, const char *from)
{
    size_t n = 0;

    while (*from && n + 1 < size)
        if (!strncmp(from, " ptr ", 5))
            from += 4;
        else
            to[n++] = *from++;
    to[n] = 0;
}

static void gather_code(struct gatherer *g)
{
    struct pane_view *v = g->v;
    u64 la = v->code_start = code_start(g), offset;

    while (v->code_count < min_u64(g->ask->code_rows, PANE_ROWS)) {
        struct pane_code *line = &v->code[v->code_count++];
        char text[DISASM_TEXT];
        u8 bytes[INSN_MAX_BYTES];
        unsigned len;
        size_t got;

        *line = (struct pane_code){.la = la};
        if (symbols_at(g->symbols, la, &offset) && !offset &&
            !(v->code_count > 1 && line[-1].label)) {
            line->label = true;
            debug_symbol_text(g->symbols, la, text, sizeof text);
            snprintf(line->text, sizeof line->text, "%.*s:", PANE_TEXT - 2, text);
            continue;
        }
        len = disassemble(g, la, bytes, &got, text, sizeof text);
        line->current = la == g->next;
        mark_points(g, line);
        place_of(g, la, line->place);
        for (unsigned i = 0; i < min_u64(len, got); i++)
            snprintf(line->bytes + 2 * i, sizeof line->bytes - 2 * i, "%02x", bytes[i]);
        copy_shortened(line->text, sizeof line->text, text);
        la = (u32)(la + len);
    }
}

/* ---- Stack and memory ---- */

static void gather_stack(struct gatherer *g)
{
    const struct cpu *c = g->c;
    unsigned item = is_wide(c) ? 4 : 2;
    int digits = (int)item * 2;
    u64 sp = c->gpr[RSP], value;
    char name[200];

    for (unsigned i = 0; i < min_u64(g->ask->stack_rows, PANE_ROWS); i++, sp += item) {
        struct pane_stack *s = &g->v->stack[i];
        u64 at = sp & c->stack_mask;

        value = 0;
        if (machine_read_linear(g->m, (u32)(c->seg[SEG_SS].base + at), &value, item) != item)
            return;
        snprintf(s->place, sizeof s->place, "%04x:%0*" PRIx64, c->seg[SEG_SS].sel, digits, at);
        snprintf(s->value, sizeof s->value, "%0*" PRIx64, digits, value);
        debug_symbol_text(g->symbols, (u32)(c->seg[SEG_CS].base + value), name, sizeof name);
        snprintf(s->name, sizeof s->name, "%.*s", PANE_WHAT - 1, name);
        g->v->stack_count++;
    }
}

/* The paragraph or selector of a memory expression; false if it has none. */
static bool selector_of(const struct gatherer *g, const char *what, u64 *selector)
{
    const char *colon = strchr(what, ':');
    char left[PANE_WHAT], err[200];

    if (!colon || strchr(what, '['))
        return false;
    snprintf(left, sizeof left, "%.*s", (int)(colon - what), what);
    if (strspn(left, "0123456789abcdefABCDEF") == 4 && !left[4]) {
        snprintf(left, sizeof left, "0x%.4s", what);
    }
    return expression_eval(left, g->m, selector, err, sizeof err) && *selector <= 0xFFFF;
}

/* In real mode always segment and offset: of the expression, or the paragraph it lies in. */
static void name_row(const struct gatherer *g, const char *what, u64 start, u64 la,
                     char out[PANE_PLACE])
{
    u64 selector;

    if (is_real(g->c) && start < 0x110000) {
        if (!selector_of(g, what, &selector) || start < selector * 16)
            selector = min_u64(start >> 4, 0xFFFF);
        if (la - selector * 16 <= 0xFFFF) {
            snprintf(out, PANE_PLACE, "%04" PRIx64 ":%04" PRIx64, selector, la - selector * 16);
            return;
        }
    }
    snprintf(out, PANE_PLACE, "%08" PRIx64, la);
}

static void gather_memory(struct gatherer *g)
{
    const char *what = g->ask->memory[0] ? g->ask->memory : is_wide(g->c) ? "ds:esi" : "ds:si";
    struct pane_view *v = g->v;
    u64 start, la;

    snprintf(v->memory_what, sizeof v->memory_what, "%s", what);
    if (!expression_eval(what, g->m, &start, v->memory_trouble, sizeof v->memory_trouble))
        return;
    start = (u32)start;
    for (unsigned i = 0; i < min_u64(g->ask->memory_rows, PANE_ROWS); i++) {
        struct pane_memory *row = &v->memory[v->memory_count++];

        la = (u32)(start + (u64)g->ask->memory_offset + i * PANE_ROW_BYTES);
        row->count = (u8)machine_read_linear(g->m, la, row->bytes, PANE_ROW_BYTES);
        name_row(g, what, start, la, row->place);
    }
}

/* ---- Points ---- */

static void gather_points(struct gatherer *g)
{
    struct command_context context = {.machine = g->m};
    struct pane_view *v = g->v;
    struct text list = {0};
    const char *line;
    size_t len;

    command_run(&context, "list", &list);
    for (line = list.data; line && *line && v->point_count < PANE_ROWS; line += len) {
        len = strcspn(line, "\n");
        snprintf(v->points[v->point_count++], PANE_TEXT, "%.*s", (int)min_u64(len, PANE_TEXT - 1),
                 line);
        len += line[len] == '\n';
    }
    text_free(&list);
}

void pane_gather(struct machine *m, void *gather)
{
    struct pane_gather *p = gather;
    struct gatherer g = {.m = m, .c = machine_cpu(m, 0), .ask = &p->ask, .v = &p->view};

    p->view = (struct pane_view){0};
    g.d = machine_debug(m);
    g.symbols = g.d ? debug_symbols(g.d) : NULL;
    g.next = (u32)(g.c->seg[SEG_CS].base + g.c->rip);
    gather_state(&g);
    gather_registers(&g);
    gather_flags(&g);
    gather_code(&g);
    gather_stack(&g);
    gather_memory(&g);
    gather_points(&g);
}
