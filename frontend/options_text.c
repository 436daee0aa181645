/* The table of options as text: --help and --print-config. */
#include "frontend/options_table.h"
#include "frontend/text.h"
#include "frontend/values.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_INDENT = 26, HELP_WIDTH = 80, LINE_MAX_CHARS = 196 };

/* Help broken into lines; the first begins at `column`. */
static void print_wrapped(struct text *t, const char *words, unsigned column)
{
    unsigned len;

    if (column >= HELP_INDENT) {
        text_add(t, "\n");
        column = 0;
    }
    text_addf(t, "%*s", HELP_INDENT - (int)column, "");
    column = HELP_INDENT;
    while (*words) {
        len = (unsigned)strcspn(words, " ");
        if (column > HELP_INDENT && column + 1 + len > HELP_WIDTH) {
            text_addf(t, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        column += len + (column > HELP_INDENT);
        text_addf(t, "%s%.*s", column - len > HELP_INDENT ? " " : "", (int)len, words);
        words += len + (words[len] == ' ');
    }
    text_add(t, "\n");
}

char *options_help(void)
{
    const struct option_row *row;
    struct text t = {0};
    char left[64];

    text_add(&t,
             "Usage: bygone [FILE...] [OPTION...]\n\n"
             "Runs a PC. Each FILE is a floppy, hard disk or CD image, a Linux kernel with its\n"
             "initial RAM disk, or a multiboot kernel; which of these is seen from what is in\n"
             "it. Without any, a small demonstration is started.\n");
    for (row = option_rows; row->name || row->help; row++) {
        if (row->kind == OPT_HEADING)
            text_addf(&t, "\n%s:\n", row->help);
        if (!row->name || !row->help)
            continue;
        snprintf(left, sizeof left, "  --%s%s%s", row->name,
                 row->argument && row->kind != OPT_PORT ? " " : "",
                 row->argument ? row->argument : "");
        text_add(&t, left);
        print_wrapped(&t, row->help, (unsigned)strlen(left));
    }
    text_add(&t, "\nReserved for later versions: ");
    for (row = option_rows; row->name || row->help; row++)
        if (row->kind == OPT_RESERVED)
            text_addf(&t, "--%s ", row->name);
    text_add(&t, "\n\nExit codes: 0 the guest switched itself off (or you did), 2 a script's\n"
                 "expectation failed, 4 the guest crashed, 64 usage, 65 bad input file, 70 our\n"
                 "fault, 71 the host failed, 75 suspended; --debug-exit: what the guest gave,\n"
                 "times 2, plus 1.\n"
                 "`man bygone` tells more, and explains scripts and the monitor.\n");
    return text_take(&t);
}

/* One line, or a comment where inih could not read it back. */
static void print_line(struct text *t, const char *name, const char *value)
{
    size_t len = strlen(value), name_len = strlen(name);
    bool quote = !len || value[0] == ' ' || value[len - 1] == ' ' || value[0] == '"';

    if (strpbrk(value, "\n\r") || strstr(value, " ;") || strstr(value, "\t;") || value[0] == ';' ||
        name_len + len + 5 > LINE_MAX_CHARS)
        text_addf(t, "# %s: this value must be given on the command line\n", name);
    else
        text_addf(t, quote ? "%s = \"%s\"\n" : "%s = %s\n", name, value);
}

/* Files get their full name, so that the result means the same wherever it is kept. */
static void print_file(struct text *t, const char *name, const char *file)
{
    char full[PATH_MAX], cwd[PATH_MAX];
    char *real = realpath(file, NULL);

    if (real)
        snprintf(full, sizeof full, "%s", real);
    else if (*file != '/' && realpath(".", cwd))
        snprintf(full, sizeof full, "%.2000s/%.2000s", cwd, file);
    else
        snprintf(full, sizeof full, "%s", file);
    free(real);
    print_line(t, name, full);
}

static void print_size(struct text *t, const char *name, u64 bytes)
{
    bool giga = bytes % (1 << 30) == 0;

    text_addf(t, "%s = %u%c\n", name, (unsigned)(bytes >> (giga ? 30 : 20)), giga ? 'G' : 'M');
}

static void print_number(struct text *t, const struct option_row *row, const void *field)
{
    char text[32];
    u64 ns;

    switch (row->kind) {
    case OPT_SIZE: print_size(t, row->name, *(const u64 *)field); return;
    case OPT_SPEED:
        if (((const struct speed *)field)->kind == SPEED_MAX)
            text_addf(t, "%s = max\n", row->name);
        if (((const struct speed *)field)->kind == SPEED_FIXED)
            text_addf(t, "%s = %u\n", row->name, ((const struct speed *)field)->mips);
        return;
    case OPT_TIME:
        if (*(const s64 *)field == INT64_MIN)
            return;
        value_time_text(*(const s64 *)field, text, sizeof text);
        text_addf(t, "%s = %s\n", row->name, text);
        return;
    case OPT_SECONDS:
        ns = *(const u64 *)field;
        if (ns)
            text_addf(t, "%s = %llu.%09llu\n", row->name, (unsigned long long)(ns / 1000000000),
                      (unsigned long long)(ns % 1000000000));
        return;
    case OPT_PORT:
        if (*(const s32 *)field >= 0)
            text_addf(t, "%s = 0x%X\n", row->name, (unsigned)*(const s32 *)field);
        return;
    default: text_addf(t, "%s = %llu\n", row->name, (unsigned long long)*(const u64 *)field);
    }
}

static void print_option(struct text *t, const struct options *o, const struct option_row *row)
{
    const void *field = (const char *)o + row->offset;
    unsigned i;

    switch (row->kind) {
    case OPT_FLAG:
        if (*(const bool *)field)
            text_addf(t, "%s = yes\n", row->name);
        return;
    case OPT_STREAMS:
        for (i = 0; i < o->serial_count; i++)
            print_line(t, row->name, o->serial[i]);
        return;
    case OPT_FILE:
        if (*(const char *const *)field)
            print_file(t, row->name, *(const char *const *)field);
        return;
    case OPT_TEXT:
    case OPT_WORD:
    case OPT_CPU:
    case OPT_STREAM:
    case OPT_BOOT:
        if (*(const char *const *)field)
            print_line(t, row->name, *(const char *const *)field);
        return;
    default: print_number(t, row, field);
    }
}

char *options_print_config(const struct options *o)
{
    const struct option_row *row;
    struct text t = {0};

    text_add(&t, "# bygone --config FILE reads this.\n");
    for (row = option_rows; row->name || row->help; row++)
        if (option_in_config(row))
            print_option(&t, o, row);
    return text_take(&t);
}
