/*
 * What packets mean. Source: the GDB manual, "Remote Protocol": "Packets", "Stop Reply Packets",
 * "General Query Packets".
 *
 * Not modelled: threads (there is one processor), files and programs of a remote host.
 */
#include "frontend/gdb_session.h"

#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/machine.h"
#include "frontend/commands.h"
#include "frontend/gdb_packet.h"
#include "frontend/gdb_registers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signals as the protocol numbers them (GDB manual, "Stop Reply Packets"). */
enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5, SIGNAL_SEGV = 11 };

/* Errors are not numbered by the protocol; these are errno's. */
#define E_INVALID "E16" /* EINVAL */
#define E_FAULT   "E0e" /* EFAULT */
#define E_FULL    "E1c" /* ENOSPC */

enum { POINTS_MAX = DEBUG_POINTS, EIP_NUMBER = 8, ESP_NUMBER = 4, EBP_NUMBER = 5 };

enum architecture { ARCH_AUTO, ARCH_I8086, ARCH_I386 };

/* A breakpoint or watchpoint of gdb's: type is the digit of its Z packet. */
struct stub_point {
    int id; /* debug.h's */
    u8 type;
    u64 address, kind;
};

struct gdb_session {
    struct gdb_session_host host;
    struct machine_listener listener;
    struct stub_point points[POINTS_MAX];
    unsigned point_count;
    enum gdb_pc pc;
    enum architecture architecture;
    bool attached;    /* a packet has come */
    bool running;     /* gdb waits for a stop */
    bool ended;       /* while it waited, the machine came to its end */
    bool stepping;    /* it asked for one instruction */
    bool interrupted; /* it asked for a stop */
    bool no_ack;
    struct debug_stop before; /* the last stop when it began to run */
    struct gdb_reply reply;
    struct text description;        /* the XML that is being read */
    char command[COMMAND_LINE_MAX]; /* of the monitor, being run; empty: none */
    const char *told;               /* the architecture that gdb knows of; NULL: none yet */
};

static struct cpu *session_cpu(struct gdb_session *s)
{
    return machine_cpu(s->host.machine, 0);
}

static struct debug *session_debug(struct gdb_session *s)
{
    return machine_debug(s->host.machine);
}

/* ---- Output ---- */

void gdb_output_free(struct gdb_output *o)
{
    free(o->data);
    *o = (struct gdb_output){0};
}

static void send_reply(struct gdb_session *s, struct gdb_output *o)
{
    u8 *data;

    if (s->reply.cut) { /* more was asked for than fits a packet */
        gdb_reply_clear(&s->reply);
        gdb_reply_text(&s->reply, E_INVALID);
    }
    if (o->capacity - o->len < GDB_FRAME_MAX) {
        data = realloc(o->data, o->capacity + 2 * GDB_FRAME_MAX);
        if (!data)
            return; /* the host is out of memory: gdb asks again */
        o->data = data;
        o->capacity += 2 * GDB_FRAME_MAX;
    }
    o->len += gdb_frame(s->reply.data, s->reply.len, o->data + o->len);
    gdb_reply_clear(&s->reply);
}

/* Text for gdb's user, in packets as long as they may be. */
static void send_console(struct gdb_session *s, const char *text, size_t len, struct gdb_output *o)
{
    size_t n;

    for (; len; text += n, len -= n) {
        n = len < (GDB_PACKET_MAX - 1) / 2 ? len : (GDB_PACKET_MAX - 1) / 2;
        gdb_reply_clear(&s->reply);
        gdb_reply_text(&s->reply, "O");
        gdb_reply_hex(&s->reply, text, n);
        send_reply(s, o);
    }
}

static void answer(struct gdb_session *s, const char *text)
{
    gdb_reply_text(&s->reply, text);
}

/* ---- Stops ---- */

static const char *architecture_now(struct gdb_session *s)
{
    const struct cpu *c = session_cpu(s);
    bool is_16 = s->architecture == ARCH_I8086 ||
                 (s->architecture == ARCH_AUTO && (c->mode & MODE_CODE_SIZE) == CODE16);

    return is_16 ? "i8086" : "i386";
}

/* gdb asks once what the target is, and disassembles the other kind of code wrong. */
static void tell_architecture(struct gdb_session *s, struct gdb_output *o)
{
    const char *now = architecture_now(s);
    char text[100];

    if (!s->told || !strcmp(s->told, now))
        return;
    s->told = now;
    snprintf(text, sizeof text, "%s-bit code now: set architecture %s\n",
             strcmp(now, "i386") ? "16" : "32", now);
    send_console(s, text, strlen(text), o);
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
    const struct debug_stop *stop = debug_last_stop(session_debug(s));

    return stop->reason != DEBUG_STOPPED_NOT &&
           stop->count == machine_instructions(s->host.machine) &&
           (s->stepping || memcmp(stop, &s->before, sizeof *stop));
}

static void add_register(struct gdb_session *s, unsigned number)
{
    const struct gdb_register *r = gdb_register_at(&gdb_registers_i386, number);
    u8 value[REGISTER_BYTES];

    r->get(session_cpu(s), s->pc, r->arg, value);
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
static void answer_stop(struct gdb_session *s, const struct debug_stop *stop)
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

static void hear(void *opaque, enum machine_event e)
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
        answer(s, "W00");
        send_reply(s, out);
        return;
    }
    if (stopped_by_debugger(s))
        stop = debug_last_stop(session_debug(s));
    else if (!s->interrupted)
        send_console(s, "the machine was told to stop\n", 29, out);
    if (stop && stop->point && !point_by_id(s, stop->point)) {
        send_console(s, stop->text, strlen(stop->text), out);
        send_console(s, "\n", 1, out);
    }
    tell_architecture(s, out);
    if (s->stepping && !stop)
        debug_cancel(session_debug(s));
    answer_stop(s, stop);
    send_reply(s, out);
    s->interrupted = s->stepping = false;
}

/* ---- Running ---- */

static void resume(struct gdb_session *s, bool step)
{
    s->before = *debug_last_stop(session_debug(s));
    s->running = true;
    s->stepping = step;
    s->interrupted = false;
    if (step)
        debug_step(session_debug(s), DEBUG_STEP_INTO, 1);
    machine_set_paused(s->host.machine, false);
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
static void run_packet(struct gdb_session *s, const char *at)
{
    char kind = *at++;
    u64 number;

    if ((kind == 'C' || kind == 'S') && !gdb_take_number(&at, &number)) {
        answer(s, E_INVALID);
        return;
    }
    gdb_take_char(&at, ';');
    if (gdb_take_number(&at, &number) && !set_pc(s, number)) {
        answer(s, E_INVALID);
        return;
    }
    resume(s, kind == 's' || kind == 'S');
}

/* vCont;action[:thread];...: the first is for our thread, since there is no other. */
static void run_vcont(struct gdb_session *s, const char *at)
{
    switch (*at) {
    case 'c':
    case 'C': resume(s, false); return;
    case 's':
    case 'S': resume(s, true); return;
    case 't': answer_stop(s, NULL); return; /* it stands still */
    default: answer(s, E_INVALID);
    }
}

/* ---- Registers ---- */

static void read_all(struct gdb_session *s)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    unsigned n;

    for (n = 0; (r = gdb_register_at(&gdb_registers_i386, n)); n++) {
        r->get(session_cpu(s), s->pc, r->arg, value);
        gdb_reply_hex(&s->reply, value, gdb_register_bytes(r));
    }
}

/* False if it cannot be set and is something else now. */
static bool set_register(struct gdb_session *s, const struct gdb_register *r, const u8 *value)
{
    u8 now[REGISTER_BYTES];

    r->get(session_cpu(s), s->pc, r->arg, now);
    if (!memcmp(now, value, gdb_register_bytes(r)))
        return true;
    return gdb_register_set(r, s->host.machine, s->pc, value);
}

static void write_all(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    bool good = true;
    unsigned n;

    for (n = 0; *at && (r = gdb_register_at(&gdb_registers_i386, n)); n++) {
        if (!gdb_take_hex(&at, value, gdb_register_bytes(r))) {
            good = false;
            break;
        }
        good &= set_register(s, r, value);
    }
    answer(s, good ? "OK" : E_INVALID);
}

static void read_one(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    u64 number;

    if (!gdb_take_number(&at, &number) || number > UINT16_MAX ||
        !(r = gdb_register_at(&gdb_registers_i386, (unsigned)number))) {
        answer(s, E_INVALID);
        return;
    }
    r->get(session_cpu(s), s->pc, r->arg, value);
    gdb_reply_hex(&s->reply, value, gdb_register_bytes(r));
}

static void write_one(struct gdb_session *s, const char *at)
{
    const struct gdb_register *r;
    u8 value[REGISTER_BYTES];
    u64 number;
    bool good = gdb_take_number(&at, &number) && number <= UINT16_MAX && gdb_take_char(&at, '=') &&
                (r = gdb_register_at(&gdb_registers_i386, (unsigned)number)) &&
                gdb_take_hex(&at, value, gdb_register_bytes(r)) && set_register(s, r, value);

    answer(s, good ? "OK" : E_INVALID);
}

/* ---- Memory ---- */

static bool take_range(const char **at, u64 *address, u64 *len)
{
    return gdb_take_number(at, address) && gdb_take_char(at, ',') && gdb_take_number(at, len);
}

static void read_memory(struct gdb_session *s, const char *at)
{
    u8 data[GDB_PACKET_MAX / 2];
    u64 address, len;
    size_t got;

    if (!take_range(&at, &address, &len)) {
        answer(s, E_INVALID);
        return;
    }
    len = len < sizeof data ? len : sizeof data; /* gdb asks for the rest */
    got = machine_read_linear(s->host.machine, address, data, (size_t)len);
    if (len && !got)
        answer(s, E_FAULT);
    else
        gdb_reply_hex(&s->reply, data, got);
}

static void write_bytes(struct gdb_session *s, u64 address, const void *data, size_t len)
{
    bool good = machine_write_linear(s->host.machine, address, data, len) == len;

    answer(s, good ? "OK" : E_FAULT);
}

static void write_memory(struct gdb_session *s, const char *at)
{
    u8 data[GDB_PACKET_MAX / 2];
    u64 address, len;

    if (take_range(&at, &address, &len) && gdb_take_char(&at, ':') && len <= sizeof data &&
        gdb_take_hex(&at, data, (size_t)len))
        write_bytes(s, address, data, (size_t)len);
    else
        answer(s, E_INVALID);
}

static void write_binary(struct gdb_session *s, const char *at, const char *end)
{
    u64 address, len;

    if (take_range(&at, &address, &len) && gdb_take_char(&at, ':') && len == (u64)(end - at))
        write_bytes(s, address, at, (size_t)len);
    else
        answer(s, E_INVALID);
}

/* ---- Points ---- */

static struct stub_point *find_point(struct gdb_session *s, const struct stub_point *like)
{
    struct stub_point *p;

    for (p = s->points; p < s->points + s->point_count; p++)
        if (p->type == like->type && p->address == like->address && p->kind == like->kind)
            return p;
    return NULL;
}

/* The engine's points are as good as hardware's and change no memory: Z0 and Z1 are the same. */
static int add_to_debugger(struct gdb_session *s, const struct stub_point *p)
{
    static const u8 access[] = {[2] = DEBUG_WRITE, [3] = DEBUG_READ, [4] = DEBUG_ACCESS};
    u64 base = s->pc == GDB_PC_OFFSET ? session_cpu(s)->seg[SEG_CS].base : 0;
    struct debug_point point = {
        .kind = p->type < 2 ? DEBUG_BREAK : DEBUG_WATCH,
        .space = DEBUG_LINEAR,
        .owner = DEBUG_GDB,
        .address = p->type < 2 ? p->address + base : p->address,
        .length = p->type < 2 ? 1 : p->kind,
        .access = p->type < 2 ? 0 : access[p->type],
    };

    return debug_point_add(session_debug(s), &point);
}

/* Z and z: type,address,kind[;conditions...], which are gdb's to check. */
static void point_packet(struct gdb_session *s, const char *at)
{
    bool insert = *at++ == 'Z';
    struct stub_point p = {0}, *old;
    u64 type;

    if (!gdb_take_number(&at, &type) || !gdb_take_char(&at, ',') ||
        !take_range(&at, &p.address, &p.kind) || (type >= 2 && !p.kind)) {
        answer(s, E_INVALID);
        return;
    }
    if (type > 4)
        return; /* the empty answer: we know no such type */
    p.type = (u8)type;
    old = find_point(s, &p);
    if (!insert && old) {
        debug_point_remove(session_debug(s), old->id);
        *old = s->points[--s->point_count];
    } else if (insert && !old) {
        p.id = s->point_count < POINTS_MAX ? add_to_debugger(s, &p) : 0;
        if (!p.id) {
            answer(s, E_FULL);
            return;
        }
        s->points[s->point_count++] = p;
    }
    answer(s, "OK");
}

/* ---- Queries ---- */

static bool starts_with(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len))
        return false;
    *at += len;
    return true;
}

/* qXfer:features:read:target.xml:offset,length; described anew when it is read from its start. */
static void query_features(struct gdb_session *s, const char *at)
{
    u64 offset, len, rest;

    if (!starts_with(&at, "target.xml:")) {
        answer(s, "E00");
        return;
    }
    if (!take_range(&at, &offset, &len)) {
        answer(s, E_INVALID);
        return;
    }
    if (!offset || !s->description.data) {
        text_free(&s->description);
        s->told = architecture_now(s);
        gdb_registers_describe(&gdb_registers_i386, architecture_now(s), &s->description);
    }
    offset = offset < s->description.len ? offset : s->description.len;
    rest = s->description.len - offset;
    len = len < GDB_PACKET_MAX - 1 ? len : GDB_PACKET_MAX - 1;
    answer(s, len < rest ? "m" : "l");
    gdb_reply_bytes(&s->reply, s->description.data + offset, (size_t)(len < rest ? len : rest));
}

static bool choose(struct text *out, const char *what, const char *const *words, unsigned count,
                   const struct command_line *line, unsigned *value)
{
    unsigned i;

    for (i = 0; line->count > 1 && i < count; i++)
        if (!strcmp(line->word[1], words[i]))
            *value = i;
    text_addf(out, "%s is %s;", what, words[*value]);
    for (i = 0; i < count; i++)
        text_addf(out, "%s %s", i ? " or" : " it can be", words[i]);
    text_add(out, "\n");
    return true;
}

/* The commands that only gdb's user needs; false if this is none. */
static bool own_command(struct gdb_session *s, const char *command, struct text *out)
{
    static const char *const pcs[] = {"linear", "offset"};
    static const char *const architectures[] = {"auto", "i8086", "i386"};
    struct command_line line;
    struct text nothing = {0};
    unsigned value;
    bool good = command_parse(command, &line, &nothing) && line.count;

    text_free(&nothing);
    if (!good)
        return false;
    if (!strcmp(line.word[0], "gdb-pc")) {
        value = s->pc;
        choose(out, "gdb-pc", pcs, ARRAY_LEN(pcs), &line, &value);
        s->pc = (enum gdb_pc)value;
        return true;
    }
    if (!strcmp(line.word[0], "gdb-arch")) {
        value = s->architecture;
        choose(out, "gdb-arch", architectures, ARRAY_LEN(architectures), &line, &value);
        s->architecture = (enum architecture)value;
        return true;
    }
    return false;
}

/* qRcmd,HEX: a command of the monitor, or one of ours. */
static void query_command(struct gdb_session *s, const char *at, struct gdb_output *o)
{
    struct text out = {0};
    size_t len = strlen(at) / 2;

    if (len >= sizeof s->command || strlen(at) % 2 || !gdb_take_hex(&at, s->command, len)) {
        answer(s, E_INVALID);
        return;
    }
    s->command[len] = 0;
    if (own_command(s, s->command, &out) || !len) {
        s->command[0] = 0;
        gdb_session_printed(s, out.data ? out.data : "", out.len, o);
    }
    text_free(&out);
}

void gdb_session_printed(struct gdb_session *s, const char *text, size_t len, struct gdb_output *o)
{
    static const char runs[] =
        "the machine runs now, and gdb does not know; continue, and interrupt it\n";
    static const char own[] =
        "gdb-pc linear|offset         what $pc is: CS base + EIP, or EIP\n"
        "gdb-arch auto|i8086|i386     what the target says it is, from the next connection on\n";

    send_console(s, text, len, o);
    if (!strcmp(s->command, "help"))
        send_console(s, own, sizeof own - 1, o);
    if (!machine_is_paused(s->host.machine) && !s->running)
        send_console(s, runs, sizeof runs - 1, o);
    s->command[0] = 0;
    gdb_reply_clear(&s->reply);
    answer(s, "OK");
    send_reply(s, o);
}

static void query(struct gdb_session *s, const char *at, struct gdb_output *o)
{
    if (starts_with(&at, "qSupported"))
        gdb_reply_textf(&s->reply,
                        "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;"
                        "vContSupported+",
                        GDB_PACKET_MAX);
    else if (starts_with(&at, "qXfer:features:read:"))
        query_features(s, at);
    else if (starts_with(&at, "qRcmd,"))
        query_command(s, at, o);
    else if (starts_with(&at, "qfThreadInfo"))
        answer(s, "m1");
    else if (starts_with(&at, "qsThreadInfo"))
        answer(s, "l");
    else if (starts_with(&at, "qThreadExtraInfo,"))
        gdb_reply_hex(&s->reply, session_cpu(s)->halted ? "halted " : "running", 7);
    else if (starts_with(&at, "qAttached"))
        answer(s, "1");
    else if (starts_with(&at, "qSymbol"))
        answer(s, "OK"); /* we want no symbols */
    else if (!strcmp(at, "qC"))
        answer(s, "QC1");
    else if (!strcmp(at, "QStartNoAckMode")) {
        s->no_ack = true;
        answer(s, "OK");
    }
}

/* ---- Packets ---- */

static void attach(struct gdb_session *s)
{
    if (s->attached)
        return;
    s->attached = true;
    machine_set_paused(s->host.machine, true);
}

static void detach(struct gdb_session *s)
{
    while (s->point_count)
        debug_point_remove(session_debug(s), s->points[--s->point_count].id);
    if (s->running && s->stepping)
        debug_cancel(session_debug(s));
    s->running = s->stepping = false;
    if (s->attached)
        machine_set_paused(s->host.machine, false);
    s->attached = false;
}

static void packet_v(struct gdb_session *s, const char *at)
{
    if (starts_with(&at, "vCont?"))
        answer(s, "vCont;c;C;s;S;t");
    else if (starts_with(&at, "vCont;"))
        run_vcont(s, at);
    else if (starts_with(&at, "vKill")) {
        answer(s, "OK");
        s->host.quit(s->host.opaque, 0);
    }
}

/* All packets with an answer of their own; what is not known gets the empty answer. */
static void packet(struct gdb_session *s, const char *data, size_t len, struct gdb_output *o)
{
    switch (data[0]) {
    case '?': answer_stop(s, NULL); break;
    case 'g': read_all(s); break;
    case 'G': write_all(s, data + 1); break;
    case 'p': read_one(s, data + 1); break;
    case 'P': write_one(s, data + 1); break;
    case 'm': read_memory(s, data + 1); break;
    case 'M': write_memory(s, data + 1); break;
    case 'X': write_binary(s, data + 1, data + len); break;
    case 'c':
    case 's':
    case 'C':
    case 'S': run_packet(s, data); break;
    case 'v': packet_v(s, data); break;
    case 'Z':
    case 'z': point_packet(s, data); break;
    case 'H':
    case 'T': answer(s, "OK"); break; /* there is one thread */
    case 'q':
    case 'Q': query(s, data, o); break;
    case 'D':
        detach(s);
        answer(s, "OK");
        break;
    case 'k': s->host.quit(s->host.opaque, 0); break;
    default: break;
    }
}

const char *gdb_session_packet(struct gdb_session *s, const char *data, size_t len,
                               struct gdb_output *out)
{
    size_t before = out->len;

    if (data[0] != 'D')
        attach(s);
    s->command[0] = 0;
    gdb_reply_clear(&s->reply);
    packet(s, data, len, out);
    if (s->command[0])
        return s->command;
    if (!s->running && data[0] != 'k' && out->len == before)
        send_reply(s, out);
    return NULL;
}

bool gdb_session_no_ack(const struct gdb_session *s)
{
    return s->no_ack;
}

/* ---- Life ---- */

void gdb_session_close(struct gdb_session *s)
{
    detach(s);
    s->no_ack = s->interrupted = false;
    s->pc = GDB_PC_LINEAR;
    s->architecture = ARCH_AUTO;
    s->told = NULL;
}

struct gdb_session *gdb_session_new(const struct gdb_session_host *host)
{
    struct gdb_session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->host = *host;
    s->listener = (struct machine_listener){.event = hear, .opaque = s};
    machine_listen(host->machine, &s->listener);
    return s;
}

void gdb_session_free(struct gdb_session *s)
{
    if (!s)
        return;
    machine_unlisten(s->host.machine, &s->listener);
    text_free(&s->description);
    free(s);
}
