/*
 * Parsing of scripts. A line is an action and its arguments; the action's row says which. Texts
 * are decoded in place in a copy of the source, which they never outgrow.
 */
#include "frontend/script.h"

#include "devices/host/input.h"
#include "frontend/nearest.h"
#include "frontend/script_table.h"
#include "frontend/slurp.h"
#include "frontend/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOUSE_MAX_MOVE = 10000, FILE_MAX_BYTES = 4 << 20 };

struct parser {
    struct script *script;
    unsigned line;
    char *at; /* in the line at hand */
    char *err;
    size_t err_size;
    unsigned seconds, numbers; /* arguments of that sort so far */
};

static bool fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct parser *p, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(p->err, p->err_size, "script: '%.200s' line %u: ", p->script->name, p->line);

    va_start(args, fmt);
    if (n >= 0 && (size_t)n < p->err_size)
        vsnprintf(p->err + n, p->err_size - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'e': return '\x1B';
    case '\\':
    case '"': return c;
    default: return 0;
    }
}

/* The text from the opening quote at p->at; p->at moves behind the closing one. */
static bool take_quoted(struct parser *p, char **out)
{
    char *to = ++p->at;

    *out = to;
    for (; *p->at != '"'; p->at++) {
        if (!*p->at)
            return fail(p, "the closing quote is missing");
        /* Before anything else a backslash is itself: "A:\>". */
        if (*p->at == '\\' && escaped(p->at[1]))
            *to++ = escaped(*++p->at);
        else
            *to++ = *p->at;
    }
    p->at++;
    if (*p->at && !is_blank(*p->at))
        return fail(p, "a blank is missing behind the closing quote");
    if (*p->at)
        p->at++;
    *to = 0;
    return true;
}

/* The next word or quoted text; *out is NULL at the line's end. */
static bool take_word(struct parser *p, char **out, bool *quoted)
{
    while (is_blank(*p->at))
        p->at++;
    *quoted = *p->at == '"';
    if (*quoted)
        return take_quoted(p, out);
    *out = p->at;
    if (!*p->at || *p->at == '#') {
        *out = NULL;
        return true;
    }
    while (*p->at && !is_blank(*p->at))
        p->at++;
    if (*p->at)
        *p->at++ = 0;
    return true;
}

static bool set_text(struct parser *p, struct script_step *s, char *word, bool typed)
{
    u16 key;
    bool shift;
    char *c;

    for (c = word; typed && *c; c++)
        if (!key_for_char(*c, &key, &shift))
            return fail(p, "no key of a US keyboard makes the character 0x%02X", (u8)*c);
    if (!typed && !*word)
        return fail(p, "the text is empty");
    s->text = word;
    return true;
}

static bool set_file(struct parser *p, struct script_step *s, const char *word)
{
    const char *slash = strrchr(p->script->name, '/');
    int folder = slash && *word != '/' ? (int)(slash - p->script->name) + 1 : 0;
    size_t size = (size_t)folder + strlen(word) + 1;

    if (!*word)
        return fail(p, "the file's name is empty");
    free(s->file);
    s->file = malloc(size);
    if (!s->file)
        return fail(p, "out of memory");
    snprintf(s->file, size, "%.*s%s", folder, p->script->name, word);
    return true;
}

static bool set_keys(struct parser *p, struct script_step *s, char *word, unsigned max)
{
    char *name, *next = word;

    while (next) {
        name = next;
        /* The minus key itself is "minus", so that each dash joins. */
        next = strchr(name, '-');
        if (next)
            *next++ = 0;
        if (s->key_count == max)
            return fail(p, "at most %u key%s", max, max == 1 ? "" : "s at once");
        s->keys[s->key_count] = key_by_name(name);
        if (!s->keys[s->key_count++])
            return fail(p, "no key is named '%.40s'", name);
    }
    return true;
}

static bool set_button(struct parser *p, struct script_step *s, const char *word)
{
    static const struct {
        const char *name;
        u8 button;
    } buttons[] = {{"left", MOUSE_LEFT}, {"right", MOUSE_RIGHT}, {"middle", MOUSE_MIDDLE}};
    unsigned i;

    for (i = 0; i < ARRAY_LEN(buttons); i++)
        if (!strcmp(word, buttons[i].name)) {
            s->button = buttons[i].button;
            return true;
        }
    return fail(p, "'%.40s' is none of left, right, middle", word);
}

static bool set_drive(struct parser *p, struct script_step *s, const char *word)
{
    static const char *const drives[] = {"fda", "fdb", "cdrom"};
    struct nearest near;
    unsigned i;
    char hint[60];

    nearest_begin(&near, word);
    for (i = 0; i < ARRAY_LEN(drives); i++) {
        if (!strcmp(word, drives[i])) {
            s->drive = drives[i];
            return true;
        }
        nearest_try(&near, drives[i]);
    }
    return fail(p, "'%.40s' is none of fda, fdb, cdrom%s", word,
                nearest_hint(&near, "", hint, sizeof hint));
}

static bool set_percent(struct parser *p, struct script_step *s, const char *word)
{
    u64 billionths;

    if (!value_seconds(word, &billionths) || billionths > 100ull * 1000000000)
        return fail(p, "'%.40s' is not a percentage from 0 to 100", word);
    s->percent = (double)billionths / 1e9;
    return true;
}

static bool set_argument(struct parser *p, struct script_step *s, char kind, char *word,
                         bool quoted)
{
    if ((kind == 'T' || kind == 'C') && !quoted)
        return fail(p, "the text must stand in double quotes");
    if (quoted && !strchr("TCF", kind))
        return fail(p, "\"%.40s\": no text belongs here; usage: %s %s", word, s->action->name,
                    s->action->usage);
    switch (kind) {
    case 'T':
    case 'C': return set_text(p, s, word, kind == 'C');
    case 'F': return set_file(p, s, word);
    case 'K': return set_keys(p, s, word, SCRIPT_KEYS_MAX);
    case 'k': return set_keys(p, s, word, 1);
    case 'D': return set_drive(p, s, word);
    case 'B': return set_button(p, s, word);
    case 'p': return set_percent(p, s, word);
    case 'S':
        return value_seconds(word, &s->ns[p->seconds++]) ||
               fail(p, "'%.40s' is not a number of seconds", word);
    default:
        return value_s64(word, -MOUSE_MAX_MOVE, MOUSE_MAX_MOVE, &s->number[p->numbers++]) ||
               fail(p, "'%.40s' is not a whole number up to %d", word, MOUSE_MAX_MOVE);
    }
}

static const struct script_action *find_action(struct parser *p, const char *name)
{
    struct nearest near;
    char hint[60];
    unsigned i;

    nearest_begin(&near, name);
    for (i = 0; i < script_action_count; i++) {
        if (!strcmp(script_actions[i].name, name))
            return &script_actions[i];
        nearest_try(&near, script_actions[i].name);
    }
    fail(p, "unknown action '%.40s'%s", name, nearest_hint(&near, "", hint, sizeof hint));
    return NULL;
}

/* The rest of the line up to a comment: a command, which is looked up here and run later. */
static bool take_command(struct parser *p, struct script_step *s)
{
    char *start = p->at + strspn(p->at, " \t"), *end;
    struct text why = {0};
    struct command_line line;
    bool quoted = false, good;

    for (end = start; *end && (quoted || *end != '#' || (end > start && !is_blank(end[-1]))); end++)
        quoted ^= *end == '"';
    p->at = *end ? end + strlen(end) : end;
    while (end > start && is_blank(end[-1]))
        end--;
    *end = 0;
    s->text = start;
    if (!*start)
        return fail(p, "too few arguments; usage: %s %s", s->action->name, s->action->usage);
    good = command_parse(start, &line, &why) && command_find(&line, &why);
    if (!good)
        fail(p, "%.*s", (int)strcspn(why.data ? why.data : "", "\n"), why.data ? why.data : "");
    text_free(&why);
    return good;
}

static bool parse_step(struct parser *p, struct script_step *s, const char *name)
{
    const char *kind;
    char *word;
    bool quoted;

    s->action = find_action(p, name);
    if (!s->action)
        return false;
    if (s->action->arguments[0] == 'R')
        return take_command(p, s);
    p->seconds = p->numbers = 0;
    for (kind = s->action->arguments; *kind; kind++) {
        if (!take_word(p, &word, &quoted))
            return false;
        if (!word && *kind == 'p')
            return true;
        if (!word)
            return fail(p, "too few arguments; usage: %s %s", name, s->action->usage);
        if (!set_argument(p, s, *kind, word, quoted))
            return false;
    }
    if (!take_word(p, &word, &quoted))
        return false;
    return !word || fail(p, "'%.40s' is too much; usage: %s %s", word, name, s->action->usage);
}

static bool parse_line(struct parser *p, const char *source)
{
    struct script *script = p->script;
    struct script_step *s;
    char *word;
    bool quoted;

    if (!take_word(p, &word, &quoted))
        return false;
    if (!word)
        return true;
    if (quoted)
        return fail(p, "an action is missing before the text");
    /* Grown by doubling: at each power of two. */
    if (!(script->count & (script->count - 1))) {
        s = realloc(script->steps, (script->count ? script->count * 2 : 1) * sizeof *s);
        if (!s)
            return fail(p, "out of memory");
        script->steps = s;
    }
    s = &script->steps[script->count++];
    *s = (struct script_step){.line = p->line, .source = source};
    return parse_step(p, s, word);
}

/* Line ends become zero bytes; the CR of a CR LF a blank. */
static void cut_lines(char *copy)
{
    for (; *copy; copy++)
        if (*copy == '\r' && (copy[1] == '\n' || !copy[1]))
            *copy = ' ';
        else if (*copy == '\n')
            *copy = 0;
}

static bool parse_all(struct parser *p, size_t len)
{
    struct script *s = p->script;
    size_t at;

    for (at = 0; at < len; at += strlen(s->lines + at) + 1) {
        p->line++;
        p->at = s->words + at;
        if (!parse_line(p, s->lines + at))
            return false;
    }
    return true;
}

struct script *script_parse(const char *name, const char *text, size_t len, char *err,
                            size_t err_size)
{
    struct script *s = calloc(1, sizeof *s);
    struct parser p = {.script = s, .err = err, .err_size = err_size};

    if (s) {
        s->name = strdup(name);
        s->lines = calloc(1, len + 1);
        s->words = calloc(1, len + 1);
    }
    if (!s || !s->name || !s->lines || !s->words) {
        snprintf(err, err_size, "script: out of memory");
        script_free(s);
        return NULL;
    }
    memcpy(s->words, text, len);
    cut_lines(s->words);
    memcpy(s->lines, s->words, len);
    if (memchr(text, 0, len)) {
        p.line = 1;
        fail(&p, "this is not text");
    } else if (parse_all(&p, len)) {
        return s;
    }
    script_free(s);
    return NULL;
}

struct script *script_load(const char *file, char *err, size_t err_size)
{
    size_t len;
    char *text = slurp(file, FILE_MAX_BYTES, &len, err, err_size);
    struct script *s = text ? script_parse(file, text, len, err, err_size) : NULL;

    free(text);
    return s;
}

void script_free(struct script *s)
{
    size_t i;

    if (!s)
        return;
    for (i = 0; i < s->count; i++)
        free(s->steps[i].file);
    free(s->steps);
    free(s->name);
    free(s->lines);
    free(s->words);
    free(s);
}

bool script_uses_serial(const struct script *s)
{
    size_t i;

    for (i = 0; i < s->count; i++)
        if (s->steps[i].action->serial)
            return true;
    return false;
}

size_t script_length(const struct script *s)
{
    return s->count;
}
