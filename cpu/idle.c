/*
 * Recognising idle loops; see idle.h.
 *
 * Two kinds of interrupts count. With explicit ones a program says that it waits: INT 28h, which
 * DOS executes while it waits for a key, and INT 2Fh AX=1680h, "release time slice". With the
 * others it only asks for something that is not there yet, so the loop must also be short and come
 * back with the same registers: a loop that computes between two looks at the keyboard is none.
 *
 * Source: Ralf Brown's Interrupt List, INT 16h, INT 1Ah, INT 21h, INT 28h, INT 2Fh.
 */
#include "cpu/idle.h"

#include "base/state.h"
#include "cpu/cpu.h"

enum {
    ROUNDS = 16,            /* alike before we believe it */
    ROUNDS_AFTER = 2,       /* once more after each event */
    EXPLICIT_LIMIT = 16384, /* instructions a round: a V86 monitor reflects each INT */
    IMPLICIT_LIMIT = 1000,
};

enum kind { NO_WAIT, IMPLICIT, EXPLICIT };

static enum kind kind_of(const struct cpu *c, u8 vector)
{
    u16 ax = (u16)c->gpr[RAX];
    u8 ah = (u8)(ax >> 8);

    switch (vector) {
    case 0x28: /* DOS idle */ return EXPLICIT;
    case 0x2F: /* multiplex: release time slice */ return ax == 0x1680 ? EXPLICIT : NO_WAIT;
    case 0x16: /* is there a key? */ return ah == 0x01 || ah == 0x11 ? IMPLICIT : NO_WAIT;
    case 0x1A: /* how many ticks? */ return ah == 0x00 ? IMPLICIT : NO_WAIT;
    case 0x21: /* is there a character? */ return ah == 0x0B ? IMPLICIT : NO_WAIT;
    default: return NO_WAIT;
    }
}

static u64 hash_registers(const struct cpu *c)
{
    u64 h = c->seg[SEG_DS].base * 31 + c->seg[SEG_ES].base;

    for (unsigned i = 0; i < 8; i++)
        h = (h ^ c->gpr[i]) * 0x9E3779B97F4A7C15ull;
    return h;
}

/* Within a quarter of each other: an interrupt handler may run in between. */
static bool similar(u64 a, u64 b)
{
    return a <= b + b / 4 + 8 && b <= a + a / 4 + 8;
}

void idle_note(struct cpu *c, u8 vector)
{
    struct idle_watch *w = &c->idle;
    enum kind kind = kind_of(c, vector);
    u64 site = c->seg[SEG_CS].base + c->rip, now = cpu_count(c), interval, registers;
    u64 limit = kind == EXPLICIT ? EXPLICIT_LIMIT : IMPLICIT_LIMIT;
    bool alike;

    if (kind == NO_WAIT)
        return;
    interval = now - w->count;
    if (site != w->site) {
        /* A loop may have several INTs: measure it at one, best an explicit one, while it lasts. */
        if (w->rounds && interval <= EXPLICIT_LIMIT && (w->explicit || kind == IMPLICIT))
            return;
        *w = (struct idle_watch){
            .site = site, .count = now, .explicit = kind == EXPLICIT, .rounds = 1};
        return;
    }
    registers = kind == EXPLICIT ? 0 : hash_registers(c);
    alike = interval <= limit && registers == w->registers && similar(interval, w->interval);
    w->rounds = alike ? w->rounds + 1 : 1;
    w->count = now;
    w->interval = interval;
    w->registers = registers;
    if (w->rounds < ROUNDS)
        return;
    w->rounds = ROUNDS - ROUNDS_AFTER;
    c->attention |= ATT_IDLE;
}

void idle_state(struct idle_watch *w, struct state *s)
{
    state_u64(s, "idle_site", &w->site);
    state_u64(s, "idle_count", &w->count);
    state_u64(s, "idle_interval", &w->interval);
    state_u64(s, "idle_registers", &w->registers);
    state_bool(s, "idle_explicit", &w->explicit);
    state_u16(s, "idle_rounds", &w->rounds);
    state_require(s, w->rounds <= ROUNDS, "cpu: an idle loop of too many rounds");
}
