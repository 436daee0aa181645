/* Running, and why it ended. Source: the GDB manual, "Remote Protocol": "Packets", "Stop Reply
 * Packets". */
#include "frontend/gdb_private.h"

#include "cpu/cpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Signals as the protocol numbers them (GDB manual, "Stop Reply Packets"). */
enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5, SIGNAL_SEGV = 11 };

enum { ESP_NUMBER = 4, EBP_NUMBER = 5, EIP_NUMBER = 8 };

/* ---- Stops ---- */

const char *gdb_architecture_now(struct gdb_session *s)
{
    const struct cpu *c = gdb_cpu(s);
    bool is_16 = s->architecture == ARCH_I8086 ||
                 (s->architecture == ARCH_AUTO && (c->mode & MODE_CODE_SIZE) == CODE16);

    return is_16 ? "i8086" : "i386";
}

/* gdb asks once what the target is, and disassembles the other kind of code wrong. */
void gdb_tell_architecture(struct gdb_session *s, struct gdb_output *o)
{
    const char *now = gdb_architecture_now(s);
    char text[100];

    if (!s->told || !strcmp(s->told, now))
        return;
    s->told = now;
    snprintf(text, sizeof text, "%s-bit code now: set architecture %s\n",
             strcmp(now, "i386") ? "16" : "32", now);
    gdb_send_console(s, text, strlen(text), o);
}

static const struct stub_point *point_by_id(const struct gdb_session *s, int id)
{
    unsigned i;

    for (i = 0; i < s->point_count; i++)
        if (s->points[i].id == id)
            return &s->points[i];
    return NULL;
}

/* True if the machine stands where the debugger stopped it, since gdb let it go. */
static bool stopped_by_debugger(struct gdb_session *s)
{
    const struct debug_stop *stop = debug_last_stop(gdb_debug(s));

    return stop->reason != DEBUG_STOPPED_NOT &&
           stop->count == machine_instructions(s->host.machine) &&
           (s->stepping || memcmp(stop, &s->before, sizeof *stop));
}

static void add_register(struct gdb_session *s, unsigned number)
{
    const struct gdb_register *r = gdb_register_at(&gdb_registers_i386, number);
    u8 value[REGISTER_BYTES];

    r->get(gdb_cpu(s), s->pc, r->arg, value);
    gdb_reply_textf(&s->reply, "%02x:", number);
    gdb_reply_hex(&s->reply, value, gdb_register_bytes(r));
    gdb_reply_text(&s->reply, ";");
}

/* Why, in the terms of the point that gdb set. */
static void add_reason(struct gdb_session *s, const struct debug_stop *stop)
{
    static const char *const names[] = {"swbreak", "hwbreak", "watch", "rwatch", "awatch"};
    const struct stub_point *p = point_by_id(s, stop->point);

    if (!p)
        return;
    if (p->type < 2)
        gdb_reply_textf(&s->reply, "%s:;", names[p->type]);
    else
        gdb_reply_textf(&s->reply, "%s:%" PRIx64 ";", names[p->type], stop->address);
}

/* What the machine stands still for; `stop` NULL: because it was told to. */
void gdb_answer_stop(struct gdb_session *s, const struct debug_stop *stop)
{
    unsigned signal = s->interrupted ? SIGNAL_INT : SIGNAL_TRAP;

    if (stop)
        signal = stop->reason == DEBUG_AT_POINT && stop->kind == DEBUG_TRIPLE ? SIGNAL_SEGV
                                                                              : SIGNAL_TRAP;
    gdb_reply_textf(&s->reply, "T%02xthread:1;", signal);
    add_register(s, EBP_NUMBER);
    add_register(s, ESP_NUMBER);
    add_register(s, EIP_NUMBER);
    if (stop && stop->reason == DEBUG_AT_POINT)
        add_reason(s, stop);
}

void gdb_listen(void *opaque, enum machine_event e)
{
    struct gdb_session *s = opaque;

    if (e == MACHINE_EVENT_SHUTDOWN)
        s->ended = true;
    if (s->running && (e == MACHINE_EVENT_STOP || e == MACHINE_EVENT_SHUTDOWN))
        s->host.wake(s->host.opaque);
}

void gdb_session_news(struct gdb_session *s, bool ending, struct gdb_output *out)
{
    const struct debug_stop *stop = NULL;

    s->ended |= ending;
    if (!s->running || !(s->ended || machine_is_paused(s->host.machine)))
        return;
    s->running = false;
    if (s->ended) {
        gdb_answer(s, "W00");
        gdb_send_reply(s, out);
        return;
    }
    if (stopped_by_debugger(s))
        stop = debug_last_stop(gdb_debug(s));
    else if (!s->interrupted)
        gdb_send_console(s, "the machine was told to stop\n", 29, out);
    if (stop && stop->point && !point_by_id(s, stop->point)) {
        gdb_send_console(s, stop->text, strlen(stop->text), out);
        gdb_send_console(s, "\n", 1, out);
    }
    gdb_tell_architecture(s, out);
    if (s->stepping && !stop)
        debug_cancel(gdb_debug(s));
    gdb_answer_stop(s, stop);
    gdb_send_reply(s, out);
    s->interrupted = s->stepping = false;
}

/* ---- Running ---- */

/* With what debug_step or debug_step_range has set up if it is a step. */
static void resume(struct gdb_session *s, bool step)
{
    s->before = *debug_last_stop(gdb_debug(s));
    s->running = true;
    s->stepping = step;
    s->interrupted = false;
    machine_set_paused(s->host.machine, false);
}

static void step(struct gdb_session *s)
{
    debug_step(gdb_debug(s), DEBUG_STEP_INTO, 1);
    resume(s, true);
}

void gdb_session_interrupt(struct gdb_session *s)
{
    if (!s->running || s->ended)
        return; /* it stands still already */
    s->interrupted = true;
    if (machine_is_paused(s->host.machine))
        s->host.wake(s->host.opaque);
    else
        machine_set_paused(s->host.machine, true);
}

static bool set_pc(struct gdb_session *s, u64 address)
{
    const struct gdb_register *r = gdb_register_at(&gdb_registers_i386, EIP_NUMBER);
    u8 value[4] = {(u8)address, (u8)(address >> 8), (u8)(address >> 16), (u8)(address >> 24)};

    return gdb_register_set(r, s->host.machine, s->pc, value);
}

/* c, s, C and S: [signal][;]address. Signals mean nothing to a processor. */
void gdb_run_packet(struct gdb_session *s, const char *at)
{
    char kind = *at++;
    u64 number;

    if ((kind == 'C' || kind == 'S') && !gdb_take_number(&at, &number)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    gdb_take_char(&at, ';');
    if (gdb_take_number(&at, &number) && !set_pc(s, number)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    if (kind == 's' || kind == 'S')
        step(s);
    else
        resume(s, false);
}

/* r start,end: step while the program counter is from start to before end. */
static void step_range(struct gdb_session *s, const char *at)
{
    u64 base = s->pc == GDB_PC_OFFSET ? gdb_cpu(s)->seg[SEG_CS].base : 0, from, end;

    if (!gdb_take_range(&at, &from, &end)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    debug_step_range(gdb_debug(s), from + base, end + base);
    resume(s, true);
}

/* vCont;action[:thread];...: the first is for our thread, since there is no other. */
void gdb_run_vcont(struct gdb_session *s, const char *at)
{
    switch (*at) {
    case 'c':
    case 'C': resume(s, false); return;
    case 's':
    case 'S': step(s); return;
    case 'r': step_range(s, at + 1); return;
    case 't': gdb_answer_stop(s, NULL); return; /* it stands still */
    default: gdb_answer(s, E_INVALID);
    }
}
