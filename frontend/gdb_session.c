/*
 * What packets mean. Source: the GDB manual, "Remote Protocol": "Packets", "Stop Reply Packets",
 * "General Query Packets".
 *
 * Not modelled: threads (there is one processor), files and programs of a remote host.
 */
#include "frontend/gdb_private.h"

#include <stdlib.h>
#include <string.h>

struct cpu *gdb_cpu(struct gdb_session *s)
{
    return machine_cpu(s->host.machine, 0);
}

struct debug *gdb_debug(struct gdb_session *s)
{
    return machine_debug(s->host.machine);
}

/* ---- Output ---- */

void gdb_output_free(struct gdb_output *o)
{
    free(o->data);
    *o = (struct gdb_output){0};
}

void gdb_send_reply(struct gdb_session *s, struct gdb_output *o)
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
void gdb_send_console(struct gdb_session *s, const char *text, size_t len, struct gdb_output *o)
{
    size_t n;

    for (; len; text += n, len -= n) {
        n = len < (GDB_PACKET_MAX - 1) / 2 ? len : (GDB_PACKET_MAX - 1) / 2;
        gdb_reply_clear(&s->reply);
        gdb_reply_text(&s->reply, "O");
        gdb_reply_hex(&s->reply, text, n);
        gdb_send_reply(s, o);
    }
}

/* ---- Packets ---- */

bool gdb_take_word(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len))
        return false;
    *at += len;
    return true;
}

static void attach(struct gdb_session *s)
{
    struct debug_point triple = {.kind = DEBUG_TRIPLE, .owner = DEBUG_GDB, .address = UINT64_MAX};

    if (s->attached)
        return;
    s->attached = true;
    machine_set_paused(s->host.machine, true);
    /* A crash that ends the program would take with it what gdb is to look at. */
    if (!machine_config(s->host.machine)->reset_on_triple_fault)
        s->triple = debug_point_add(gdb_debug(s), &triple);
}

static void detach(struct gdb_session *s)
{
    gdb_remove_points(s);
    if (s->triple)
        debug_point_remove(gdb_debug(s), s->triple);
    s->triple = 0;
    if (s->running && s->stepping)
        debug_cancel(gdb_debug(s));
    s->running = s->stepping = false;
    if (s->attached)
        machine_set_paused(s->host.machine, false);
    s->attached = false;
}

static void packet_v(struct gdb_session *s, const char *at)
{
    if (gdb_take_word(&at, "vCont?"))
        gdb_answer(s, "vCont;c;C;s;S;t;r");
    else if (gdb_take_word(&at, "vCont;"))
        gdb_run_vcont(s, at);
    else if (gdb_take_word(&at, "vKill")) {
        gdb_answer(s, "OK");
        s->host.quit(s->host.opaque, 0);
    }
}

/* All packets with an answer of their own; what is not known gets the empty answer. */
static void packet(struct gdb_session *s, const char *data, size_t len, struct gdb_output *o)
{
    switch (data[0]) {
    case '?': gdb_answer_stop(s, NULL); break;
    case 'g': gdb_read_registers(s); break;
    case 'G': gdb_write_registers(s, data + 1); break;
    case 'p': gdb_read_register(s, data + 1); break;
    case 'P': gdb_write_register(s, data + 1); break;
    case 'm': gdb_read_memory(s, data + 1); break;
    case 'M': gdb_write_memory(s, data + 1); break;
    case 'X': gdb_write_binary(s, data + 1, data + len); break;
    case 'c':
    case 's':
    case 'C':
    case 'S': gdb_run_packet(s, data); break;
    case 'v': packet_v(s, data); break;
    case 'b': gdb_back_packet(s, data, o); break;
    case 'Z':
    case 'z': gdb_point_packet(s, data); break;
    case 'H':
    case 'T': gdb_answer(s, "OK"); break; /* there is one thread */
    case 'q':
    case 'Q': gdb_query(s, data, o); break;
    case 'D':
        detach(s);
        gdb_answer(s, "OK");
        break;
    case 'k': s->host.quit(s->host.opaque, 0); break;
    default: break;
    }
}

const char *gdb_session_packet(struct gdb_session *s, const char *data, size_t len,
                               struct gdb_output *out)
{
    if (data[0] != 'D')
        attach(s);
    s->command[0] = 0;
    s->answered = false;
    gdb_reply_clear(&s->reply);
    packet(s, data, len, out);
    if (s->command[0])
        return s->command;
    if (!s->running && data[0] != 'k' && !s->answered)
        gdb_send_reply(s, out);
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
    s->listener = (struct machine_listener){.event = gdb_listen, .opaque = s};
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
