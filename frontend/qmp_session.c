/*
 * Messages and events. Source: "QEMU Machine Protocol Specification" of QEMU's documentation.
 * Without out-of-band commands: each is done when it is answered.
 */
#include "frontend/qmp_session.h"

#ifdef HAVE_JANSSON

#include "devices/board/machine.h"
#include "frontend/qmp_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct qmp_session {
    struct qmp_session_host host;
    struct machine_listener listener;
    bool negotiated; /* qmp_capabilities came */
    bool in_command; /* what happens now is this client's doing */
    bool ended;      /* SHUTDOWN was told */
    u8 buttons;
    struct text events; /* not yet fetched */
    char *line;         /* a command of the monitor being run; NULL: none */
    bool strict;        /* what it prints is an error, or a message */
    json_t *id;         /* of the message that asked for it, or NULL */
};

bool qmp_in_build(void)
{
    return true;
}

/* ---- Output ---- */

/* A message of ours, whose reference is taken. */
static void say(json_t *message, struct text *out)
{
    char *line = message ? json_dumps(message, JSON_COMPACT) : NULL;

    if (line)
        text_add(out, line);
    text_add(out, line ? "\r\n"
                       : "{\"error\":{\"class\":\"GenericError\",\"desc\":\"out of "
                         "memory\"}}\r\n");
    free(line);
    json_decref(message);
}

static void say_event(struct qmp_session *s, const char *name, json_t *data)
{
    struct timespec t;
    json_t *event;

    if (!s->negotiated || s->ended) {
        json_decref(data);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &t);
    event = json_pack("{s:s, s:{s:I, s:I}}", "event", name, "timestamp", "seconds",
                      (json_int_t)t.tv_sec, "microseconds", (json_int_t)t.tv_nsec / 1000);
    if (data)
        json_object_set_new(event, "data", data);
    say(event, &s->events);
}

static void say_shutdown(struct qmp_session *s, bool guest, const char *reason)
{
    say_event(s, "SHUTDOWN", json_pack("{s:b, s:s}", "guest", guest, "reason", reason));
    s->ended = true;
}

static void take_events(struct qmp_session *s, struct text *out)
{
    if (s->events.data)
        text_add(out, s->events.data);
    out->cut |= s->events.cut;
    text_free(&s->events);
}

/* ---- Events ---- */

static void hear(void *opaque, enum machine_event e)
{
    struct qmp_session *s = opaque;
    bool guest = !s->in_command;

    switch (e) {
    case MACHINE_EVENT_STOP: say_event(s, "STOP", NULL); break;
    case MACHINE_EVENT_RESUME: say_event(s, "RESUME", NULL); break;
    case MACHINE_EVENT_RESET:
        say_event(s, "RESET",
                  json_pack("{s:b, s:s}", "guest", guest, "reason",
                            guest ? "guest-reset" : "host-qmp-system-reset"));
        break;
    case MACHINE_EVENT_POWERDOWN: say_event(s, "POWERDOWN", NULL); break;
    case MACHINE_EVENT_SHUTDOWN: say_shutdown(s, true, "guest-shutdown"); break;
    case MACHINE_EVENT_EJECTED:
        say_event(s, "DEVICE_TRAY_MOVED",
                  json_pack("{s:s, s:s, s:b}", "device", "cdrom", "id", "cdrom", "tray-open", 1));
        break;
    case MACHINE_EVENT_PANICKED:
        say_event(s, "GUEST_PANICKED", json_pack("{s:s}", "action", "run"));
        break;
    default: break;
    }
    if (s->events.len && !s->in_command)
        s->host.wake(s->host.opaque);
}

void qmp_session_news(struct qmp_session *s, bool ending, struct text *out)
{
    if (ending && !s->ended)
        say_shutdown(s, false, "host-ui");
    take_events(s, out);
}

/* ---- Commands ---- */

json_t *qmp_fail(struct qmp_call *c, const char *error, const char *fmt, ...)
{
    va_list args;
    size_t len;

    va_start(args, fmt);
    vsnprintf(c->reason, sizeof c->reason, fmt, args);
    va_end(args);
    len = strlen(c->reason);
    if (len && c->reason[len - 1] == '\n')
        c->reason[len - 1] = 0;
    c->error = error;
    return NULL;
}

static bool is_kind(const json_t *value, char kind)
{
    switch (kind) {
    case 's': return json_is_string(value);
    case 'i': return json_is_integer(value);
    case 'b': return json_is_boolean(value);
    default: return json_is_array(value);
    }
}

static const char *kind_name(char kind)
{
    return kind == 's' ? "string" : kind == 'i' ? "integer" : kind == 'b' ? "boolean" : "array";
}

static const struct qmp_argument *find_argument(const struct qmp_command *row, const char *name)
{
    const struct qmp_argument *a;

    for (a = row->arguments; a->name; a++)
        if (!strcmp(a->name, name))
            return a;
    return NULL;
}

/* Each argument known and of its kind, each that must be there. */
static bool check_arguments(struct qmp_call *c, const struct qmp_command *row)
{
    const struct qmp_argument *a;
    const char *name;
    json_t *value;

    json_object_foreach(c->arguments, name, value)
    {
        a = find_argument(row, name);
        if (!a)
            qmp_fail(c, "GenericError", "Parameter '%.60s' is unexpected", name);
        else if (!is_kind(value, a->kind))
            qmp_fail(c, "GenericError", "Invalid parameter type for '%s', expected: %s", name,
                     kind_name(a->kind));
        if (c->error)
            return false;
    }
    for (a = row->arguments; a->name; a++)
        if (!a->optional && !json_object_get(c->arguments, a->name))
            qmp_fail(c, "GenericError", "Parameter '%s' is missing", a->name);
    return !c->error;
}

static const struct qmp_command *find_command(const char *name)
{
    const struct qmp_command *row;

    for (row = qmp_commands; row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

static bool is_negotiation(const char *name)
{
    return !strcmp(name, "qmp_capabilities");
}

/* What it returns, or NULL with the error in `c`. */
static json_t *run(struct qmp_session *s, struct qmp_call *c, const char *name)
{
    const struct qmp_command *row = find_command(name);
    json_t *result;

    if (!s->negotiated && !is_negotiation(name))
        return qmp_fail(c, "CommandNotFound",
                        "Expecting capabilities negotiation with 'qmp_capabilities'");
    if (!row)
        return qmp_fail(c, "CommandNotFound", "The command %.60s has not been found", name);
    if (s->negotiated && is_negotiation(name))
        return qmp_fail(c, "CommandNotFound",
                        "Capabilities negotiation is already complete, command ignored");
    if (!check_arguments(c, row))
        return NULL;
    result = row->run(c);
    if (result && is_negotiation(name))
        s->negotiated = true;
    if (!result && !c->error)
        qmp_fail(c, "GenericError", "out of memory");
    return result;
}

/* ---- Messages ---- */

/* The parts of a message: execute, arguments, id, and nothing else. */
static const char *take_apart(struct qmp_call *c, json_t *message)
{
    json_t *execute = json_object_get(message, "execute"), *value;
    const char *name;

    c->arguments = json_object_get(message, "arguments");
    json_object_foreach(message, name, value) if (strcmp(name, "execute") &&
                                                  strcmp(name, "arguments") && strcmp(name, "id"))
    {
        qmp_fail(c, "GenericError", "QMP input member '%.60s' is unexpected", name);
        return NULL;
    }
    if (!execute)
        qmp_fail(c, "GenericError", "QMP input lacks member 'execute'");
    else if (!json_is_string(execute))
        qmp_fail(c, "GenericError", "QMP input member 'execute' must be a string");
    else if (c->arguments && !json_is_object(c->arguments))
        qmp_fail(c, "GenericError", "QMP input member 'arguments' must be an object");
    return c->error ? NULL : json_string_value(execute);
}

static void answer(struct qmp_call *c, json_t *result, json_t *id, struct text *out)
{
    json_t *reply =
        result ? json_pack("{s:o}", "return", result)
               : json_pack("{s:{s:s, s:s}}", "error", "class", c->error, "desc", c->reason);

    /* A reason may quote what is no UTF-8; then it is not told. */
    if (!reply && !result)
        reply = json_pack("{s:{s:s, s:s}}", "error", "class", c->error, "desc", "(not UTF-8)");
    if (reply && id)
        json_object_set(reply, "id", id);
    say(reply, out);
}

/* A command of the monitor: others run it, and call back with what it printed. */
static const char *begin_line(struct qmp_session *s, const struct qmp_call *c, json_t *id)
{
    s->line = strdup(c->line);
    s->strict = c->strict;
    s->id = json_incref(id);
    s->in_command = s->line;
    return s->line;
}

static void end_line(struct qmp_session *s)
{
    free(s->line);
    json_decref(s->id);
    s->line = NULL;
    s->id = NULL;
    s->in_command = false;
}

void qmp_session_printed(struct qmp_session *s, bool good, const char *text, struct text *out)
{
    struct qmp_call c = {0};
    json_t *result = NULL;

    if (s->strict && !good)
        qmp_fail(&c, "GenericError", "%s", text);
    else if (!(result = !s->strict ? json_string(text)
                        : *text    ? json_pack("{s:s}", "message", text)
                                   : json_object()))
        qmp_fail(&c, "GenericError", "what the command printed is no UTF-8");
    answer(&c, result, s->id, &s->events);
    end_line(s);
    take_events(s, out);
}

static const char *execute(struct qmp_session *s, json_t *message, struct text *out)
{
    struct qmp_call c = {.machine = s->host.machine, .buttons = &s->buttons};
    json_t *none = json_object(), *result = NULL, *id = json_object_get(message, "id");
    const char *name = take_apart(&c, message);

    if (!c.arguments)
        c.arguments = none;
    s->in_command = true;
    if (name)
        result = run(s, &c, name);
    s->in_command = false;
    if (c.line && begin_line(s, &c, id)) {
        json_decref(result);
        json_decref(none);
        return s->line;
    }
    answer(&c, result, id, &s->events);
    if (c.quit)
        say_shutdown(s, false, "host-qmp-quit");
    take_events(s, out);
    if (c.quit)
        s->host.quit(s->host.opaque, 0);
    json_decref(none);
    return NULL;
}

static void refuse(struct qmp_session *s, const char *reason, struct text *out)
{
    say(json_pack("{s:{s:s, s:s}}", "error", "class", "GenericError", "desc", reason), out);
}

const char *qmp_session_take(struct qmp_session *s, enum qmp_event e, const char *data, size_t len,
                             struct text *out)
{
    json_error_t error;
    json_t *message;
    const char *line = NULL;

    switch (e) {
    case QMP_NOTHING: return NULL;
    case QMP_GARBAGE: refuse(s, "Invalid JSON syntax", out); return NULL;
    case QMP_TOO_LONG: refuse(s, "JSON message is too long or too deep", out); return NULL;
    case QMP_MESSAGE: break;
    }
    message = json_loadb(data, len, 0, &error);
    if (message)
        line = execute(s, message, out);
    else
        refuse(s, "Invalid JSON syntax", out);
    json_decref(message);
    return line;
}

/* ---- Life ---- */

struct qmp_session *qmp_session_new(const struct qmp_session_host *host, struct text *out)
{
    struct qmp_session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->host = *host;
    s->listener = (struct machine_listener){.event = hear, .opaque = s};
    machine_listen(host->machine, &s->listener);
    say(json_pack("{s:{s:o, s:[]}}", "QMP", "version", qmp_version(), "capabilities"), out);
    return s;
}

void qmp_session_free(struct qmp_session *s)
{
    if (!s)
        return;
    machine_unlisten(s->host.machine, &s->listener);
    end_line(s);
    text_free(&s->events);
    free(s);
}

#else

bool qmp_in_build(void)
{
    return false;
}

struct qmp_session *qmp_session_new(const struct qmp_session_host *host, struct text *out)
{
    return NULL;
}

void qmp_session_free(struct qmp_session *s)
{
}

const char *qmp_session_take(struct qmp_session *s, enum qmp_event e, const char *data, size_t len,
                             struct text *out)
{
    return NULL;
}

void qmp_session_printed(struct qmp_session *s, bool good, const char *text, struct text *out)
{
}

void qmp_session_news(struct qmp_session *s, bool ending, struct text *out)
{
}

#endif
