/* Going on in a controlled way: step, next, finish, until, wait; and the report of a stop. */
#include "frontend/commands_debug.h"

#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/machine.h"
#include "frontend/expression.h"
#include "frontend/values.h"

#include <inttypes.h>
#include <string.h>

enum {
    STEP_WAIT_MS = 1000, /* for a step to end before its prompt comes; then it is told later */
    WAIT_MS = 60000,
};

/* ---- Reports ---- */

static const char *mode_text(const struct cpu *c)
{
    if (c->eflags & EF_VM)
        return "virtual-8086";
    if (c->cr0 & CR0_PE)
        return c->mode & MODE_CODE_SIZE ? "protected, 32-bit code" : "protected, 16-bit code";
    return "real mode";
}

static void add_flags(const struct cpu *c, struct text *out)
{
    static const struct {
        u32 bit;
        char name[3];
    } flags[] = {{EF_CF, "cf"}, {EF_PF, "pf"}, {EF_AF, "af"}, {EF_ZF, "zf"}, {EF_SF, "sf"},
                 {EF_TF, "tf"}, {EF_IF, "if"}, {EF_DF, "df"}, {EF_OF, "of"}};

    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        if (cpu_flags(c) & flags[i].bit)
            text_addf(out, " %s", flags[i].name);
}

static void add_registers(const struct cpu *c, struct text *out)
{
    static const struct {
        const char *name;
        u8 n;
    } gprs[] = {{"eax", RAX}, {"ebx", RBX}, {"ecx", RCX}, {"edx", RDX},
                {"esi", RSI}, {"edi", RDI}, {"ebp", RBP}, {"esp", RSP}};

    for (unsigned i = 0; i < ARRAY_LEN(gprs); i++)
        text_addf(out, "%s=%08" PRIx64 "%s", gprs[i].name, c->gpr[gprs[i].n],
                  i % 4 == 3 ? "\n" : " ");
    text_addf(out, "cs=%04x ds=%04x es=%04x ss=%04x fs=%04x gs=%04x eflags=%08" PRIx64,
              c->seg[SEG_CS].sel, c->seg[SEG_DS].sel, c->seg[SEG_ES].sel, c->seg[SEG_SS].sel,
              c->seg[SEG_FS].sel, c->seg[SEG_GS].sel, cpu_flags(c));
    add_flags(c, out);
    text_add(out, "\n");
}

static void add_instruction(struct machine *m, const struct cpu *c, struct text *out)
{
    struct debug *d = machine_debug(m);
    const struct symbols *symbols = d ? debug_symbols(d) : NULL;
    u64 la = (u32)(c->seg[SEG_CS].base + c->rip);
    char text[DISASM_TEXT] = "(no instruction)", name[200];
    u8 bytes[INSN_MAX_BYTES];
    size_t got = machine_read_linear(m, la, bytes, sizeof bytes);
    bool wide = c->mode & MODE_CODE_SIZE;

    if (!got)
        text_add(out, "no memory there\n");
    if (*debug_symbol_text(symbols, la, name, sizeof name))
        text_addf(out, "%s:\n", name);
    debug_disassemble(c, symbols, bytes, got, c->rip, la, text, sizeof text);
    text_addf(out, "%04x:%0*" PRIx64 "  %s    (%s)\n", c->seg[SEG_CS].sel, wide ? 8 : 4, c->rip,
              text, mode_text(c));
}

static void add_place(struct machine *m, struct text *out)
{
    const struct cpu *c = machine_cpu(m, 0);

    add_registers(c, out);
    if (c->shutdown)
        text_add(out, "the processor has shut down: triple fault\n");
    else if (c->halted)
        text_add(out, "the processor is halted until an interrupt comes\n");
    add_instruction(m, c, out);
}

void command_report_stop(struct machine *m, struct text *out)
{
    struct debug *d = machine_debug(m);
    const struct debug_stop *stop = d ? debug_last_stop(d) : NULL;

    if (stop && stop->reason == DEBUG_AT_POINT)
        text_addf(out, "point %d: %s\n", stop->point, stop->text);
    add_place(m, out);
}

bool command_where(struct command_context *c, const struct command_line *line, struct text *out)
{
    add_place(c->machine, out);
    return true;
}

/* ---- Steps ---- */

/* From a standstill on; the caller of the command waits for the report. */
static void go(struct command_context *c)
{
    machine_set_paused(c->machine, false);
    c->wait_ms = STEP_WAIT_MS;
}

static bool step(struct command_context *c, const struct command_line *line, struct text *out,
                 enum debug_step_kind kind)
{
    struct debug *d = command_debugger(c, out);
    u64 count = 1;

    if (!d)
        return false;
    if (line->count > 1 && !command_evaluate(c, line->word[1], &count, out))
        return false;
    debug_step(d, kind, (u32)min_u64(count, UINT32_MAX));
    go(c);
    return true;
}

bool command_step(struct command_context *c, const struct command_line *line, struct text *out)
{
    return step(c, line, out, DEBUG_STEP_INTO);
}

bool command_next(struct command_context *c, const struct command_line *line, struct text *out)
{
    return step(c, line, out, DEBUG_STEP_OVER);
}

bool command_finish(struct command_context *c, const struct command_line *line, struct text *out)
{
    return step(c, line, out, DEBUG_STEP_OUT);
}

bool command_until(struct command_context *c, const struct command_line *line, struct text *out)
{
    bool condition = !strcmp(line->word[1], "if");
    struct debug *d = command_debugger(c, out);
    char text[COMMAND_LINE_MAX], err[200];
    bool good;
    u64 la;

    if (!d)
        return false;
    command_rest(line, condition ? 2 : 1, text);
    if (condition) {
        good = debug_until_expression(d, text, err, sizeof err);
    } else {
        good = expression_eval(text, c->machine, &la, err, sizeof err);
        if (good)
            debug_until(d, la);
    }
    if (good)
        go(c);
    else
        text_addf(out, "%s\n", err);
    return good;
}

/* How long to wait, from the first argument. */
static bool take_wait(const struct command_line *line, u32 *ms, struct text *out)
{
    u64 ns = (u64)WAIT_MS * 1000000;
    bool good = line->count < 2 || value_seconds(line->word[1], &ns);

    *ms = (u32)min_u64(ns / 1000000 + 1, UINT32_MAX);
    return good || text_fail(out, "'%.20s' is no number of seconds", line->word[1]);
}

bool command_wait(struct command_context *c, const struct command_line *line, struct text *out)
{
    u32 ms;

    if (!take_wait(line, &ms, out))
        return false;
    if (machine_is_paused(c->machine))
        command_report_stop(c->machine, out);
    else
        c->wait_ms = ms;
    return true;
}

bool command_cont(struct command_context *c, const struct command_line *line, struct text *out)
{
    u32 ms;

    if (!take_wait(line, &ms, out))
        return false;
    machine_set_paused(c->machine, false);
    if (line->count > 1)
        c->wait_ms = ms;
    return true;
}
