/*
 * Recognising idle loops; see idle.h.
 *
 * Two kinds of interrupts count. With explicit ones a program says that it waits: INT 28h, which
 * DOS executes while it waits for a key, and INT 2Fh AX=1680h, "release time slice". They are
 * taken at their word once they come often.
 *
 * With the others it only asks for something that is not there yet, as a program that computes may
 * do between two steps of its work. So the loop must be short, come back with the same registers,
 * and leave the program's memory as it was: all of its data segment and what its callers have on
 * the stack. What a handler or the BIOS itself left below SP does not count.
 *
 * Source: Ralf Brown's Interrupt List, INT 16h, INT 1Ah, INT 21h, INT 28h, INT 2Fh.
 */
#include "cpu/idle.h"

#include "base/state.h"
#include "cpu/cpu.h"

#include <string.h>

enum {
    ROUNDS = 16,            /* alike before we believe it */
    ROUNDS_AFTER = 2,       /* once more after each event */
    DOUBTS_MAX = 10,        /* each doubles the rounds that are needed */
    EXPLICIT_LIMIT = 16384, /* instructions a round: a V86 monitor reflects each INT */
    IMPLICIT_LIMIT = 1000,
    DATA_BYTES = 65536,
    STACK_BYTES = 4096,
    BELOW_STACK = 2048, /* room for handlers, not compared */
};

const struct idle_call idle_calls[IDLE_CALLS] = {
    {0x28, true, 0, 0},            /* DOS idle */
    {0x2F, true, 0xFFFF, 0x1680},  /* multiplex: release time slice */
    {0x16, false, 0xFF00, 0x0100}, /* is there a key? */
    {0x16, false, 0xFF00, 0x1100}, /* the same for the keys of enhanced keyboards */
    {0x1A, false, 0xFF00, 0x0000}, /* how many ticks? */
    {0x21, false, 0xFF00, 0x0B00}, /* is there a character? */
};

static const struct idle_call *find_call(const struct cpu *c, u8 vector)
{
    for (unsigned i = 0; i < IDLE_CALLS; i++)
        if (vector == idle_calls[i].vector &&
            (c->gpr[RAX] & idle_calls[i].mask) == idle_calls[i].ax)
            return &idle_calls[i];
    return NULL;
}

static u64 mix(u64 h, u64 v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 32;
}

static u64 hash_registers(const struct cpu *c)
{
    u64 h = mix(c->seg[SEG_DS].base, c->seg[SEG_ES].base);

    for (unsigned i = 0; i < 8; i++)
        h = mix(h, c->gpr[i]);
    return h;
}

/* One page as the guest has it now; neither chips nor the page tables' A bits are touched. */
static bool read_page(struct cpu *c, u64 la, u8 *page)
{
    struct walk w = {.gpa = la};

    if (c->mmu.paging.enabled && !mmu_walk(&c->mmu, la, MMU_READ, MMU_SUPERVISOR, false, &w))
        return false;
    return physmap_debug_read(c->mmu.pm, w.gpa, page, PAGE_SIZE) == PAGE_SIZE;
}

/* Linear memory, without what lies in [hole, hole + BELOW_STACK). */
static u64 hash_memory(struct cpu *c, u64 h, u64 from, u64 len, u64 hole)
{
    u64 end = from + len, v;
    u8 page[PAGE_SIZE];

    for (u64 la = from & ~(u64)PAGE_MASK; la < end; la += PAGE_SIZE) {
        if (!read_page(c, la, page))
            continue;
        for (u64 at = la; at < la + PAGE_SIZE; at += sizeof v) {
            if (at < from || at >= end || at - hole < BELOW_STACK)
                continue;
            memcpy(&v, page + (at - la), sizeof v);
            h = mix(h, v);
        }
    }
    return h;
}

static u64 hash_program(struct cpu *c)
{
    u64 stack = c->seg[SEG_SS].base + (c->gpr[RSP] & c->stack_mask), hole = stack - BELOW_STACK;
    u64 h = hash_memory(c, 0, c->seg[SEG_DS].base, DATA_BYTES, hole);

    return hash_memory(c, h, stack, STACK_BYTES, hole);
}

/* Within a quarter of each other: an interrupt handler may run in between. */
static bool similar(u64 a, u64 b)
{
    return a <= b + b / 4 + 8 && b <= a + a / 4 + 8;
}

static bool is_alike(const struct idle_watch *w, u64 interval, u64 registers)
{
    if (w->explicit)
        return interval <= EXPLICIT_LIMIT;
    return interval <= IMPLICIT_LIMIT && registers == w->registers &&
           (w->event || similar(interval, w->interval));
}

/* One more round alike; true if the loop is believed. */
static bool believe(struct cpu *c, struct idle_watch *w)
{
    unsigned needed = ROUNDS << w->doubts;

    w->rounds++;
    if (w->rounds == needed - ROUNDS_AFTER && !w->explicit)
        w->memory = hash_program(c);
    if (w->rounds < needed)
        return false;
    if (!w->explicit && hash_program(c) != w->memory) {
        /* It works. Each look costs as much as a thousand instructions, so they become rarer. */
        w->doubts += w->doubts < DOUBTS_MAX;
        w->rounds = 1;
        return false;
    }
    w->doubts = 0;
    w->rounds = ROUNDS - ROUNDS_AFTER - 1;
    w->event = true;
    return true;
}

void idle_note(struct cpu *c, u8 vector)
{
    struct idle_watch *w = &c->idle;
    const struct idle_call *call = find_call(c, vector);
    u64 site = c->seg[SEG_CS].base + c->rip, now = cpu_count(c), interval, registers;
    bool alike;

    if (!call)
        return;
    interval = now - w->count;
    if (site != w->site) {
        /* A loop may have several INTs: measure it at one, best an explicit one, while it lasts. */
        if (w->rounds && interval <= EXPLICIT_LIMIT && (w->explicit || !call->explicit))
            return;
        *w = (struct idle_watch){
            .site = site, .count = now, .explicit = call->explicit, .rounds = 1};
        return;
    }
    registers = hash_registers(c);
    alike = is_alike(w, interval, registers);
    w->count = now;
    if (!w->event || !alike)
        w->interval = interval;
    w->registers = registers;
    w->event = false;
    if (!alike)
        w->rounds = 1;
    else if (believe(c, w))
        c->attention |= ATT_IDLE;
}

void idle_state(struct idle_watch *w, struct state *s)
{
    state_u64(s, "idle_site", &w->site);
    state_u64(s, "idle_count", &w->count);
    state_u64(s, "idle_interval", &w->interval);
    state_u64(s, "idle_registers", &w->registers);
    state_u64(s, "idle_memory", &w->memory);
    state_bool(s, "idle_explicit", &w->explicit);
    state_bool(s, "idle_event", &w->event);
    state_u16(s, "idle_rounds", &w->rounds);
    state_u8(s, "idle_doubts", &w->doubts);
    state_require(s, w->doubts <= DOUBTS_MAX && w->rounds <= ROUNDS << w->doubts,
                  "cpu: an idle loop of too many rounds");
}
