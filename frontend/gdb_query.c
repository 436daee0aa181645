/* Questions, and commands of the monitor. Source: the GDB manual, "Remote Protocol": "General Query
 * Packets". */
#include "frontend/gdb_private.h"

#include "cpu/cpu.h"

#include <string.h>

/* qXfer:features:read:target.xml:offset,length; described anew when it is read from its start. */
static void query_features(struct gdb_session *s, const char *at)
{
    u64 offset, len, rest;

    if (!gdb_take_word(&at, "target.xml:")) {
        gdb_answer(s, "E00");
        return;
    }
    if (!gdb_take_range(&at, &offset, &len)) {
        gdb_answer(s, E_INVALID);
        return;
    }
    if (!offset || !s->description.data) {
        text_free(&s->description);
        s->told = gdb_architecture_now(s);
        gdb_registers_describe(&gdb_registers_i386, gdb_architecture_now(s), &s->description);
    }
    offset = offset < s->description.len ? offset : s->description.len;
    rest = s->description.len - offset;
    len = len < GDB_PACKET_MAX - 1 ? len : GDB_PACKET_MAX - 1;
    gdb_answer(s, len < rest ? "m" : "l");
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
        s->architecture = (enum gdb_architecture)value;
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
        gdb_answer(s, E_INVALID);
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

    gdb_send_console(s, text, len, o);
    if (!strcmp(s->command, "help"))
        gdb_send_console(s, own, sizeof own - 1, o);
    if (!machine_is_paused(s->host.machine) && !s->running)
        gdb_send_console(s, runs, sizeof runs - 1, o);
    s->command[0] = 0;
    s->answered = true;
    gdb_reply_clear(&s->reply);
    gdb_answer(s, "OK");
    gdb_send_reply(s, o);
}

void gdb_query(struct gdb_session *s, const char *at, struct gdb_output *o)
{
    if (gdb_take_word(&at, "qSupported"))
        gdb_reply_textf(&s->reply,
                        "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;"
                        "vContSupported+%s",
                        GDB_PACKET_MAX, gdb_can_go_back(s) ? ";ReverseStep+;ReverseContinue+" : "");
    else if (gdb_take_word(&at, "qXfer:features:read:"))
        query_features(s, at);
    else if (gdb_take_word(&at, "qRcmd,"))
        query_command(s, at, o);
    else if (gdb_take_word(&at, "qfThreadInfo"))
        gdb_answer(s, "m1");
    else if (gdb_take_word(&at, "qsThreadInfo"))
        gdb_answer(s, "l");
    else if (gdb_take_word(&at, "qThreadExtraInfo,"))
        gdb_reply_hex(&s->reply, gdb_cpu(s)->halted ? "halted" : "active", 6);
    else if (gdb_take_word(&at, "qAttached"))
        gdb_answer(s, "1");
    else if (gdb_take_word(&at, "qSymbol"))
        gdb_answer(s, "OK"); /* we want no symbols */
    else if (!strcmp(at, "qC"))
        gdb_answer(s, "QC1");
    else if (!strcmp(at, "QStartNoAckMode")) {
        s->no_ack = true;
        gdb_answer(s, "OK");
    }
}
