/*
 * Why the machine hangs: a short look at what it executes, then rules from the surest to the
 * vaguest: shut down, reset a moment ago, halted for ever, running through zeros, a fault again and
 * again, a small loop that waits for a port or for an interrupt that cannot come.
 */
#include "devices/board/debug_why.h"

#include "cpu/fault.h"
#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_memory.h"
#include "devices/board/machine_private.h"
#include "devices/board/report.h"
#include "devices/chipset/ioapic.h"
#include "devices/chipset/lapic.h"
#include "devices/chipset/pic.h"

#include <stdio.h>

enum {
    LOOK = 4096,            /* instructions */
    LOOK_NS = 50 * 1000000, /* and virtual time, at most */
    PLACES = 64,            /* a loop of more different instructions is none */
};

/* What was seen of the last LOOK instructions. */
struct look {
    struct debug_observer observer;
    u64 count, zeros, interrupts_on;
    u64 place[PLACES], first, last;
    unsigned places; /* PLACES + 1: more */
    u64 port_reads;
    u16 port;
    u32 port_value;
    bool port_changes, other_ports;
    u64 faults, software;
    u8 fault, vector;
    u64 now, zeros_from; /* the last instruction; the one before the first of zeros, if was_code */
    bool was_code;
};

static void add_place(struct look *l, u64 la)
{
    for (unsigned i = 0; i < l->places && i < PLACES; i++)
        if (l->place[i] == la)
            return;
    if (l->places < PLACES)
        l->place[l->places] = la;
    if (l->places <= PLACES)
        l->places++;
    if (l->places == 1 || la < l->first)
        l->first = la;
    if (la > l->last)
        l->last = la;
}

static bool on_instruction(void *opaque, struct cpu *c, u64 la)
{
    struct look *l = opaque;
    u8 bytes[2];

    if (l->count == LOOK)
        return true;
    if (l->count++ == LOOK / 2) {
        /* What came before may have led into a loop. */
        l->places = 0;
        l->last = l->port_reads = l->software = 0;
        l->other_ports = l->port_changes = false;
    }
    l->interrupts_on += !!(c->eflags & EF_IF);
    if (debug_read_linear(c, la, bytes, 2) == 2 && !bytes[0] && !bytes[1]) {
        if (!l->zeros++ && l->count > 1) {
            l->zeros_from = l->now;
            l->was_code = true;
        }
    }
    l->now = la;
    add_place(l, la);
    return false;
}

static void on_port(void *opaque, u16 port, unsigned size, bool write, u32 value)
{
    struct look *l = opaque;

    if (write)
        return;
    if (l->port_reads && port != l->port)
        l->other_ports = true;
    if (l->port_reads && value != l->port_value)
        l->port_changes = true;
    l->port = port;
    l->port_value = value;
    l->port_reads++;
}

static void on_event(void *opaque, u8 vector, unsigned kind, bool has_error, u32 error)
{
    struct look *l = opaque;

    if (kind == EVENT_FAULT) {
        l->faults++;
        l->fault = vector;
    } else if (kind == EVENT_SOFTWARE) {
        l->software++;
        l->vector = vector;
    }
}

static void look(struct machine *m, struct debug *d, struct look *l)
{
    bool paused = m->paused; /* nobody is told: it is a pause that was only interrupted */

    *l = (struct look){
        .observer = {
            .opaque = l, .instruction = on_instruction, .port = on_port, .event = on_event}};
    debug_observe(d, &l->observer);
    m->paused = false;
    pace_restart(&m->pace, m->board.cpu->count);
    if (machine_run(m, machine_now_ns(m) + LOOK_NS) == MACHINE_INTERRUPTED)
        machine_interrupt(m); /* it was meant for who runs the machine */
    debug_unobserve(d, &l->observer);
    m->paused = paused;
}

/* ---- Sentences ---- */

static const char *named(struct debug *d, u64 la, char *out, size_t size)
{
    char name[160];

    snprintf(out, size, "%08llx", (unsigned long long)la);
    if (*debug_symbol_text(debug_symbols(d), la, name, sizeof name))
        snprintf(out, size, "%08llx (%s)", (unsigned long long)la, name);
    return out;
}

static const char *vector_text(u8 vector)
{
    static const char *const names[] = {"division error",
                                        "debug trap",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound",
                                        "invalid opcode",
                                        "no numeric processor",
                                        "double fault",
                                        "numeric overrun",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack fault",
                                        "protection fault",
                                        "page fault"};

    return vector < ARRAY_LEN(names) ? names[vector] : "exception";
}

/* Interrupt lines of the board whose interrupts can come: a bit for each. ISA lines lead to the PIC
 * and to the I/O APIC, where the timer is pin 2. */
static u32 open_lines(const struct board *b)
{
    u32 pic = (u16)~pic_masked(b->pic) & 0xFFFB; /* without the cascade */
    u32 pins = b->ioapic ? ioapic_open(b->ioapic) : 0;

    return pic | (pins & ~5u) | (pins >> 2 & 1);
}

static void say_sources(struct machine *m, struct report *r)
{
    static const char *const irqs[16] = {"timer",
                                         "keyboard",
                                         "",
                                         "COM2",
                                         "COM1",
                                         "IRQ 5",
                                         "floppy",
                                         "printer",
                                         "clock",
                                         "IRQ 9",
                                         "IRQ 10",
                                         "IRQ 11",
                                         "mouse",
                                         "coprocessor",
                                         "first IDE channel",
                                         "second IDE channel"};
    u32 open = open_lines(&m->board);
    bool timer = m->board.lapic && lapic_timer_waits(m->board.lapic);
    const char *comma = "";

    if (!open && !timer) {
        report_say(r, "but all lines of the interrupt controllers are masked.\n");
        return;
    }
    report_say(r, "it can come from: ");
    if (timer) {
        report_say(r, "the local APIC's timer");
        comma = ", ";
    }
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        if (open >> i & 1) {
            if (i < 16)
                report_say(r, "%s%s", comma, irqs[i]);
            else
                report_say(r, "%spin %u of the I/O APIC", comma, i);
            comma = ", ";
        }
    report_say(r, ".\n");
}

static void say_halted(struct machine *m, struct debug *d, struct report *r)
{
    const struct cpu *c = m->board.cpu;
    char at[200];

    named(d, (u32)(c->seg[SEG_CS].base + c->rip), at, sizeof at);
    if (!(c->eflags & EF_IF)) {
        report_say(r,
                   "The processor has executed HLT with interrupts off, before %s: only an NMI or "
                   "a reset ends that.\n",
                   at);
        return;
    }
    report_say(r, "The processor is halted before %s until an interrupt comes; ", at);
    say_sources(m, r);
}

static void say_zeros(struct machine *m, struct debug *d, struct report *r, const struct look *l)
{
    const struct cpu *c = m->board.cpu;
    u32 slot = (c->transfer_next + TRANSFER_LOG - 1) % TRANSFER_LOG;
    char at[200];

    report_say(r, "It runs through memory full of zeros (at %s)", named(d, l->now, at, sizeof at));
    if (l->was_code)
        report_say(r, ", into which the instruction at %s led",
                   named(d, l->zeros_from, at, sizeof at));
    else if (c->transfer_next)
        report_say(r, "; the last call, return or interrupt led from %04x:%08llx to %04x:%08llx",
                   c->transfers[slot].from_cs, (unsigned long long)c->transfers[slot].from,
                   c->transfers[slot].to_cs, (unsigned long long)c->transfers[slot].to);
    report_say(r, ".\n");
}

static void say_loop(struct debug *d, struct report *r, const struct look *l)
{
    char first[200], last[200];
    bool off = !l->interrupts_on;

    report_say(r, "It goes round in a loop of %u instruction%s at %s", l->places,
               l->places == 1 ? "" : "s", named(d, l->first, first, sizeof first));
    if (l->last != l->first)
        report_say(r, " to %s", named(d, l->last, last, sizeof last));
    if (l->software)
        report_say(r, " that asks INT %02x again and again", l->vector);
    else if (l->port_reads && !l->other_ports)
        report_say(r, " that waits for port %04x, which reads %02x%s", l->port, l->port_value,
                   l->port_changes ? " at last" : " each time");
    report_say(r, off ? ", with interrupts off" : ", with interrupts on");
    if (off && !l->port_reads && !l->software)
        report_say(r, ": nothing but an NMI, a reset or a chip that writes to memory ends that");
    report_say(r, ".\n");
}

static void say_look(struct machine *m, struct debug *d, struct report *r, const struct look *l)
{
    char at[200];

    if (l->count < 2) {
        report_say(r,
                   "It executes nothing: it waits for the next event, as an idle system does.\n");
    } else if (l->faults > l->count / 8) {
        report_say(r, "It meets a %s (exception %u) again and again, last around %s.\n",
                   vector_text(l->fault), l->fault, named(d, l->last, at, sizeof at));
    } else if (l->zeros > l->count * 3 / 4) {
        say_zeros(m, d, r, l);
    } else if (l->places <= PLACES) {
        say_loop(d, r, l);
    } else {
        report_say(r, "It is busy: more than %u different instructions in the last %llu%s.\n",
                   PLACES, (unsigned long long)l->count,
                   l->interrupts_on ? "" : ", all of them with interrupts off");
    }
}

void debug_why(struct machine *m, char *out, size_t out_size)
{
    struct report r = {.at = out, .room = out_size};
    struct debug *d = machine_debug(m);
    const struct board *b = &m->board;
    struct look l;

    if (out_size)
        *out = 0;
    if (!d)
        return;
    if (b->cpu->shutdown) {
        report_say(&r, "The processor has shut down: %s.\n", b->cpu->crash);
        return;
    }
    if (b->reset_note[0])
        report_say(&r, "The last reset came %.3f s ago: %s.\n",
                   (double)(machine_now_ns(m) - b->reset_ns) / 1e9, b->reset_note);
    if (b->cpu->halted) {
        say_halted(m, d, &r);
        return;
    }
    look(m, d, &l);
    if (b->cpu->shutdown)
        report_say(&r, "The processor has shut down: %s.\n", b->cpu->crash);
    else if (b->cpu->halted && l.count < LOOK)
        say_halted(m, d, &r);
    else
        say_look(m, d, &r, &l);
}
