/* Breakpoints, watchpoints, catchpoints: break, watch, catch and what changes them. */
#include "frontend/commands_debug.h"

#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/debug_expr.h"
#include "devices/board/machine.h"
#include "frontend/expression.h"
#include "frontend/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *command_rest(const struct command_line *line, unsigned first, char *out)
{
    size_t n = 0;

    *out = 0;
    for (unsigned i = first; i < line->count; i++)
        n += (size_t)snprintf(out + n, COMMAND_LINE_MAX - n, "%s%s", i > first ? " " : "",
                              line->word[i]);
    return out;
}

struct debug *command_debugger(struct command_context *c, struct text *out)
{
    struct debug *d = machine_debug(c->machine);

    if (!d)
        text_fail(out, "the host has no memory for a debugger");
    return d;
}

static void tell_line(void *opaque, const char *line)
{
    struct command_context *c = opaque;

    if (c->tell)
        c->tell(c->opaque, line);
}

/* ---- Arguments ---- */

/* The words from `first` on up to an "if", and the condition behind it. */
struct arguments {
    char what[COMMAND_LINE_MAX], condition[COMMAND_LINE_MAX];
};

static bool split_if(const struct command_line *line, unsigned first, struct arguments *a,
                     struct text *out)
{
    struct command_line before = *line;

    a->condition[0] = 0;
    for (unsigned i = first; i < line->count; i++)
        if (!strcmp(line->word[i], "if")) {
            before.count = i;
            command_rest(line, i + 1, a->condition);
            if (!a->condition[0])
                return text_fail(out, "a condition is missing behind 'if'");
            break;
        }
    command_rest(&before, first, a->what);
    return true;
}

bool command_evaluate(struct command_context *c, const char *text, u64 *value, struct text *out)
{
    char err[200];

    return expression_eval(text, c->machine, value, err, sizeof err) || text_fail(out, "%s", err);
}

/* A selector or offset beside a colon: four hexadecimal digits, or an expression. */
static bool half(struct command_context *c, const char *text, u64 *value, struct text *out)
{
    while (*text == ' ')
        text++;
    if (strspn(text, "0123456789abcdefABCDEF") == 4 && !text[4]) {
        *value = strtoul(text, NULL, 16);
        return true;
    }
    return command_evaluate(c, text, value, out);
}

/* "phys ADDRESS", "SELECTOR:OFFSET" or a linear address. */
static bool location(struct command_context *c, char *text, struct debug_point *p, struct text *out)
{
    char *colon = strchr(text, ':');
    u64 selector;

    if (!strncmp(text, "phys ", 5)) {
        p->space = DEBUG_PHYSICAL;
        return command_evaluate(c, text + 5, &p->address, out);
    }
    if (!colon || strchr(text, '['))
        return command_evaluate(c, text, &p->address, out);
    *colon = 0;
    if (!half(c, text, &selector, out) || !half(c, colon + 1, &p->address, out))
        return false;
    if (selector > 0xFFFF)
        return text_fail(out, "a selector has 16 bits: '%.40s'", text);
    p->space = DEBUG_SEGMENTED;
    p->selector = (u16)selector;
    return true;
}

/* Numbers with "any" for all. */
static bool number_or_any(struct command_context *c, const char *text, u64 *value, struct text *out)
{
    if (*text && strcmp(text, "any"))
        return command_evaluate(c, text, value, out);
    *value = UINT64_MAX;
    return true;
}

/* ---- Showing ---- */

static const char *access_name(const struct debug_point *p)
{
    return p->access == DEBUG_READ ? "reads" : p->access == DEBUG_WRITE ? "writes" : "accesses";
}

static void add_address(struct text *out, const struct debug_point *p)
{
    if (p->space == DEBUG_SEGMENTED)
        text_addf(out, "%04x:%04" PRIx64, p->selector, p->address);
    else
        text_addf(out, "%s%08" PRIx64, p->space == DEBUG_PHYSICAL ? "physical " : "", p->address);
}

static void add_number(struct text *out, const char *what, u64 number)
{
    if (number == UINT64_MAX)
        text_addf(out, "any %s", what);
    else
        text_addf(out, "%s %02" PRIx64, what, number);
}

static void add_what(struct debug *d, struct text *out, const struct debug_point *p)
{
    switch (p->kind) {
    case DEBUG_BREAK:
        text_add(out, "break at ");
        add_address(out, p);
        return;
    case DEBUG_WATCH:
        text_addf(out, "%s of %" PRIu64 " bytes at ", access_name(p), p->length);
        add_address(out, p);
        return;
    case DEBUG_PORT:
        text_addf(out, "%s of port %04" PRIx64, access_name(p), p->address);
        if (p->length > 1)
            text_addf(out, "-%04" PRIx64, p->address + p->length - 1);
        return;
    case DEBUG_MSR: text_addf(out, "%s of MSR %" PRIx64, access_name(p), p->address); return;
    case DEBUG_REGISTER: text_addf(out, "changes of %s", debug_watched_text(d, p->id)); return;
    case DEBUG_INTERRUPT: add_number(out, "interrupt", p->address); return;
    case DEBUG_EXCEPTION: add_number(out, "exception", p->address); return;
    case DEBUG_DOS: add_number(out, "DOS function", p->address); return;
    case DEBUG_MODE_SWITCH: text_add(out, "mode switches"); return;
    case DEBUG_TASK_SWITCH: text_add(out, "task switches"); return;
    case DEBUG_TRIPLE: text_add(out, "a triple fault"); return;
    case DEBUG_MAGIC: text_add(out, "xchg bx, bx"); return;
    case DEBUG_DOT: text_add(out, "writes of a pixel"); return;
    }
}

static void add_point(struct debug *d, struct text *out, const struct debug_point *p)
{
    text_addf(out, "%d: ", p->id);
    add_what(d, out, p);
    if (*debug_condition_text(d, p->id))
        text_addf(out, " if %s", debug_condition_text(d, p->id));
    if (p->flags & DEBUG_TEMPORARY)
        text_add(out, ", once");
    if (p->flags & DEBUG_LOG_ONLY)
        text_add(out, ", logs");
    if (*debug_log_text(d, p->id))
        text_addf(out, " \"%s\"", debug_log_text(d, p->id));
    if (p->flags & DEBUG_DISABLED)
        text_add(out, ", off");
    if (p->ignore)
        text_addf(out, ", ignored %u times more", p->ignore);
    if (p->hits)
        text_addf(out, ", hit %" PRIu64 " times", p->hits);
    text_add(out, "\n");
}

/* Set the condition of a point just made and show it; a bad one takes the point away again. */
static bool finish_point(struct debug *d, int id, const char *condition, struct text *out)
{
    char err[200];

    if (!id)
        return text_fail(out, "there are %d points already; delete some", DEBUG_POINTS);
    if (!debug_point_condition(d, id, condition, err, sizeof err)) {
        debug_point_remove(d, id);
        return text_fail(out, "%s", err);
    }
    add_point(d, out, debug_point_by_id(d, id));
    return true;
}

/* ---- break ---- */

static bool add_break(struct command_context *c, const struct command_line *line, struct text *out,
                      unsigned flags)
{
    struct debug *d = command_debugger(c, out);
    struct debug_point p = {.kind = DEBUG_BREAK, .flags = (u8)flags};
    struct arguments a;

    if (!d || !split_if(line, 1, &a, out) || !location(c, a.what, &p, out))
        return false;
    return finish_point(d, debug_point_add(d, &p), a.condition, out);
}

bool command_break(struct command_context *c, const struct command_line *line, struct text *out)
{
    return add_break(c, line, out, 0);
}

bool command_tbreak(struct command_context *c, const struct command_line *line, struct text *out)
{
    return add_break(c, line, out, DEBUG_TEMPORARY);
}

/* ---- watch ---- */

/* PORT or FIRST-LAST, without blanks. */
static bool port_range(struct command_context *c, char *text, struct debug_point *p,
                       struct text *out)
{
    char *dash = strchr(text, '-');
    u64 last;

    if (dash)
        *dash = 0;
    if (!command_evaluate(c, text, &p->address, out))
        return false;
    last = p->address;
    if (dash && !command_evaluate(c, dash + 1, &last, out))
        return false;
    if (last < p->address || last > 0xFFFF)
        return text_fail(out, "ports are 0 to 0xFFFF, the lower one first");
    p->length = last - p->address + 1;
    return true;
}

/* [phys] [byte|word|dword] ADDRESS [BYTES] */
static bool watched_memory(struct command_context *c, char *text, struct debug_point *p,
                           struct text *out)
{
    static const char *const sizes[] = {"byte ", "word ", "dword ", "qword "};
    char *comma;

    p->length = 1;
    if (!strncmp(text, "phys ", 5)) {
        p->space = DEBUG_PHYSICAL;
        text += 5;
    }
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        if (!strncmp(text, sizes[i], strlen(sizes[i]))) {
            p->length = 1u << i;
            text += strlen(sizes[i]);
        }
    comma = strchr(text, ',');
    if (comma) {
        *comma = 0;
        if (!command_evaluate(c, comma + 1, &p->length, out))
            return false;
    }
    if (p->length < 1 || p->length > 1 << 20)
        return text_fail(out, "one watchpoint covers 1 to 1048576 bytes");
    return command_evaluate(c, text, &p->address, out);
}

/* All that the dot comes from: in text modes the character and its attribute. */
static bool watched_dot(struct command_context *c, const struct command_line *line,
                        struct debug_point *p, struct text *out)
{
    struct display_dot dot;

    if (line->count < 4)
        return text_fail(out, "watch pixel X Y, as a screenshot counts them");
    if (!command_dot(c, line->word[2], line->word[3], &dot, out))
        return false;
    text_addf(out, "%s\n", dot.text);
    p->kind = DEBUG_DOT;
    for (unsigned i = 0; i < dot.count; i++)
        for (unsigned k = 0; k < dot.item[i].bits.count; k++)
            p->bits.part[p->bits.count++] = dot.item[i].bits.part[k];
    return true;
}

static bool add_watch(struct command_context *c, const struct command_line *line, struct text *out,
                      enum debug_access access)
{
    struct debug *d = command_debugger(c, out);
    struct debug_point p = {.kind = DEBUG_WATCH, .access = (u8)access};
    const char *kind = line->word[1];
    struct arguments a;
    char err[200];
    bool named = !strcmp(kind, "port") || !strcmp(kind, "msr") || !strcmp(kind, "reg") ||
                 !strcmp(kind, "pixel");
    int id;

    if (!d || !split_if(line, named ? 2 : 1, &a, out))
        return false;
    if (!strcmp(kind, "reg")) {
        id = debug_watch_expression(d, a.what, err, sizeof err);
        return id ? finish_point(d, id, a.condition, out) : text_fail(out, "%s", err);
    }
    if (!strcmp(kind, "port")) {
        p.kind = DEBUG_PORT;
        if (!port_range(c, a.what, &p, out))
            return false;
    } else if (!strcmp(kind, "pixel")) {
        if (access != DEBUG_WRITE)
            return text_fail(out, "only what writes a pixel can be watched");
        if (!watched_dot(c, line, &p, out))
            return false;
    } else if (!strcmp(kind, "msr")) {
        p.kind = DEBUG_MSR;
        if (!command_evaluate(c, a.what, &p.address, out))
            return false;
    } else if (!watched_memory(c, a.what, &p, out)) {
        return false;
    }
    return finish_point(d, debug_point_add(d, &p), a.condition, out);
}

bool command_watch(struct command_context *c, const struct command_line *line, struct text *out)
{
    return add_watch(c, line, out, DEBUG_WRITE);
}

bool command_rwatch(struct command_context *c, const struct command_line *line, struct text *out)
{
    return add_watch(c, line, out, DEBUG_READ);
}

bool command_awatch(struct command_context *c, const struct command_line *line, struct text *out)
{
    return add_watch(c, line, out, DEBUG_ACCESS);
}

/* ---- catch ---- */

bool command_catch(struct command_context *c, const struct command_line *line, struct text *out)
{
    static const struct {
        const char *name;
        u8 kind;
        u8 last; /* of the numbers it can have; 0: it has none */
    } events[] = {
        {"int", DEBUG_INTERRUPT, 0xFF}, {"exception", DEBUG_EXCEPTION, 0x1F},
        {"dos", DEBUG_DOS, 0xFF},       {"mode", DEBUG_MODE_SWITCH, 0},
        {"task", DEBUG_TASK_SWITCH, 0}, {"triple", DEBUG_TRIPLE, 0},
        {"magic", DEBUG_MAGIC, 0},
    };
    struct debug *d = command_debugger(c, out);
    struct debug_point p = {.address = UINT64_MAX};
    struct arguments a;

    if (!d || !split_if(line, 2, &a, out))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
        if (strcmp(line->word[1], events[i].name))
            continue;
        p.kind = (enum debug_kind)events[i].kind;
        if (events[i].last && !number_or_any(c, a.what, &p.address, out))
            return false;
        if (events[i].last && p.address != UINT64_MAX && p.address > events[i].last)
            return text_fail(out, "'%s' counts from 0 to 0x%X", events[i].name, events[i].last);
        if (!events[i].last && *a.what)
            return text_fail(out, "'%s' takes no number: '%.40s'", events[i].name, a.what);
        return finish_point(d, debug_point_add(d, &p), a.condition, out);
    }
    return text_fail(
        out, "catch int N, exception N, dos AH (each also 'any'), mode, task, triple, magic");
}

/* ---- Changing points ---- */

/* The point that a word names, of those that users made. */
static const struct debug_point *point_named(struct debug *d, const char *word, struct text *out)
{
    const struct debug_point *p;
    u64 id;

    if (!value_u64(word, &id) || id > INT32_MAX || !(p = debug_point_by_id(d, (int)id))) {
        text_fail(out, "there is no point '%.20s'; 'list' shows them", word);
        return NULL;
    }
    return p;
}

bool command_list(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p;
    unsigned shown = 0;

    for (unsigned i = 0; d && (p = debug_point_at(d, i)); i++)
        if (p->owner == DEBUG_USER) {
            add_point(d, out, p);
            shown++;
        }
    if (!shown)
        text_add(out, "no breakpoints, watchpoints or catches\n");
    return d;
}

bool command_delete(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p;

    if (!d)
        return false;
    if (line->count == 1)
        debug_remove_all(d, DEBUG_USER);
    for (unsigned i = 1; i < line->count; i++) {
        if (!(p = point_named(d, line->word[i], out)))
            return false;
        debug_point_remove(d, p->id);
    }
    return true;
}

static bool enable(struct command_context *c, const struct command_line *line, struct text *out,
                   bool on)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p = d ? point_named(d, line->word[1], out) : NULL;

    return p && debug_point_enable(d, p->id, on);
}

bool command_enable(struct command_context *c, const struct command_line *line, struct text *out)
{
    return enable(c, line, out, true);
}

bool command_disable(struct command_context *c, const struct command_line *line, struct text *out)
{
    return enable(c, line, out, false);
}

bool command_condition(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p = d ? point_named(d, line->word[1], out) : NULL;
    char text[COMMAND_LINE_MAX], err[200];

    if (!p)
        return false;
    if (!debug_point_condition(d, p->id, command_rest(line, 2, text), err, sizeof err))
        return text_fail(out, "%s", err);
    add_point(d, out, p);
    return true;
}

bool command_ignore(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p = d ? point_named(d, line->word[1], out) : NULL;
    u64 count;

    if (!p || !command_evaluate(c, line->word[2], &count, out))
        return false;
    debug_point_ignore(d, p->id, (u32)min_u64(count, UINT32_MAX));
    add_point(d, out, p);
    return true;
}

bool command_log(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    const struct debug_point *p = d ? point_named(d, line->word[1], out) : NULL;
    char text[COMMAND_LINE_MAX];

    if (!p)
        return false;
    debug_set_log(d, tell_line, c);
    debug_point_log_only(d, p->id, line->count > 2);
    debug_point_log(d, p->id, command_rest(line, 2, text));
    add_point(d, out, p);
    return true;
}
