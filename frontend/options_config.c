/*
 * Configuration files: "name = value" lines through inih. inih takes an indented line for more of
 * the value before it, and cuts long lines apart; neither is wanted here, so the lines go to it
 * one by one, without their indentation, and long ones are refused.
 */
#include "frontend/options_table.h"

#include <stdio.h>
#include <string.h>

#ifdef HAVE_INIH

#include <ini.h>

/* INI_MAX_LINE is 200 with line end and zero byte (ini.h), whatever the library was built with. */
enum { LINE_MAX_CHARS = 196 };

struct reader {
    struct options *options;
    const char *file, *next, *end;
    unsigned line; /* the one that inih has in hand */
    unsigned bad_line;
    char err[400];
};

static void note_error(struct reader *r, const char *text)
{
    if (r->bad_line)
        return; /* the first one counts */
    r->bad_line = r->line;
    snprintf(r->err, sizeof r->err, "%s", text);
}

/* As fgets. */
static char *read_line(char *out, int size, void *opaque)
{
    struct reader *r = opaque;
    const char *from = r->next, *end = memchr(from, '\n', (size_t)(r->end - from));
    size_t len;

    if (from == r->end)
        return NULL;
    end = end ? end : r->end;
    r->next = end < r->end ? end + 1 : end;
    r->line++;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    len = (size_t)(end - from);
    if (memchr(from, 0, len))
        note_error(r, "this is not text");
    if (len > LINE_MAX_CHARS || len + 2 > (size_t)size) {
        note_error(r, "longer than 196 characters; give it on the command line");
        len = 0;
    }
    memcpy(out, from, len);
    memcpy(out + len, "\n", 2);
    return out;
}

/* Text within double quotes keeps blanks at its ends. */
static const char *unquote(const char *value, char *out, size_t out_size)
{
    size_t len = strlen(value);

    if (len < 2 || value[0] != '"' || value[len - 1] != '"' || len > out_size)
        return value;
    snprintf(out, out_size, "%.*s", (int)len - 2, value + 1);
    return out;
}

static int take(void *opaque, const char *section, const char *name, const char *value)
{
    struct reader *r = opaque;
    const struct option_row *row;
    char err[400], text[LINE_MAX_CHARS + 1];

    row = option_find("name", "", name, err, sizeof err);
    if (row && !option_in_config(row)) {
        row = NULL;
        snprintf(err, sizeof err, "'%s' is for the command line only", name);
    }
    if (row &&
        option_store(r->options, row, unquote(value, text, sizeof text), r->file, err, sizeof err))
        return 1;
    note_error(r, err);
    return 0;
}

int options_config(struct options *o, const char *file, const char *text, size_t len, char *err,
                   size_t err_size)
{
    struct reader r = {.options = o, .file = file, .next = text, .end = text + len};
    int line = ini_parse_stream(read_line, &r, take, &r);

    if (line > 0 && (!r.bad_line || (unsigned)line < r.bad_line)) {
        r.bad_line = (unsigned)line;
        snprintf(r.err, sizeof r.err, "not of the form 'name = value'");
    }
    if (!r.bad_line)
        return 0;
    snprintf(err, err_size, "'%s' line %u: %s", file, r.bad_line, r.err);
    return EXIT_BAD_INPUT;
}

#else

int options_config(struct options *o, const char *file, const char *text, size_t len, char *err,
                   size_t err_size)
{
    snprintf(err, err_size,
             "'%s': this build reads no configuration files; install libinih-dev and build again",
             file);
    return EXIT_USAGE;
}

#endif
