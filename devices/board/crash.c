/* What a triple fault leaves for people to read; see crash.h. */
#include "devices/board/crash.h"

#include "devices/board/debug.h"
#include "devices/board/debug_callers.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/machine_private.h"
#include "devices/board/report.h"

enum { CODE_BYTES = 16, TRANSFERS = 10, CALLERS = 256, CALLER_LINES = 10 };

static void add_code(struct machine *m, struct report *r)
{
    const struct cpu *c = m->board.cpu;
    u8 code[CODE_BYTES];
    size_t len = machine_read_linear(m, c->seg[SEG_CS].base + c->rip, code, sizeof code);

    report_say(r, "code there:");
    for (size_t i = 0; i < len; i++)
        report_say(r, " %02X", code[i]);
    report_say(r, "%s\n", len ? "" : " not mapped");
}

/* How many of the callers from the first on are the same: recursion. */
static unsigned repeated(const struct caller *first, unsigned count)
{
    unsigned n = 1;

    while (n < count && first[n].la == first->la && first[n].sure == first->sure)
        n++;
    return n;
}

void crash_add_callers(struct machine *m, struct report *r)
{
    struct debug *d = m->debug; /* its symbols, if somebody debugs */
    struct caller callers[CALLERS];
    unsigned count = debug_callers(m->board.cpu, callers, CALLERS), times, lines = 0;
    char name[200];

    if (count)
        report_say(r, "called from (?: a value on the stack that looks like it):\n");
    for (unsigned i = 0; i < count && lines < CALLER_LINES; i += times, lines++) {
        const struct caller *k = &callers[i];

        report_say(r, "  %c %04x:%08llx", k->sure ? ' ' : '?', k->cs, (unsigned long long)k->off);
        if (d && *debug_symbol_text(debug_symbols(d), k->la, name, sizeof name))
            report_say(r, " <%s>", name);
        if (k->interrupted)
            report_say(r, ", interrupted there");
        times = repeated(k, count - i);
        if (times > 1)
            report_say(r, ", %u times", times);
        report_say(r, "\n");
    }
}

/* Translated code notes only far ones, interrupts and exceptions here. */
static void add_transfers(const struct cpu *c, struct report *r)
{
    report_say(r, "last control transfers:\n");
    for (unsigned i = 0; i < TRANSFERS && i < c->transfer_next; i++) {
        u32 slot = (c->transfer_next + TRANSFER_LOG - 1 - i) % TRANSFER_LOG;

        report_say(r, "  %04x:%08llx -> %04x:%08llx\n", c->transfers[slot].from_cs,
                   (unsigned long long)c->transfers[slot].from, c->transfers[slot].to_cs,
                   (unsigned long long)c->transfers[slot].to);
    }
}

void crash_describe(struct machine *m, char *out, size_t out_size)
{
    const struct cpu *c = m->board.cpu;
    struct report r = {.at = out, .room = out_size};

    report_say(&r, "%s\n", c->crash[0] ? c->crash : "triple fault");
    add_code(m, &r);
    crash_add_callers(m, &r);
    add_transfers(c, &r);
}
