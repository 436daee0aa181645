/* trace FILE [WHAT...] [FROM-TO] [if EXPR], and printing traces. */
#include "frontend/commands_debug.h"

#include "devices/board/debug.h"
#include "devices/board/trace.h"
#include "frontend/expression.h"
#include "frontend/print_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct text *out, const char *why, const char *what)
{
    return text_fail(out, "%s: '%.60s'", why, what);
}

/* FROM-TO; both are expressions without a minus. */
static bool take_range(struct command_context *c, const char *word, struct trace_filter *f,
                       struct text *out)
{
    char first[COMMAND_LINE_MAX], err[200];
    const char *dash = strchr(word, '-');

    if (!dash)
        return refuse(out, "trace FILE [insn] [regs] [io] [int] [FROM-TO] [if EXPR]; what is this",
                      word);
    snprintf(first, sizeof first, "%.*s", (int)(dash - word), word);
    if (!expression_eval(first, c->machine, &f->first, err, sizeof err) ||
        !expression_eval(dash + 1, c->machine, &f->last, err, sizeof err))
        return refuse(out, err, word);
    return f->first <= f->last || refuse(out, "the lower address comes first", word);
}

static bool take_words(struct command_context *c, const struct command_line *line, char *condition,
                       struct trace_filter *f, struct text *out)
{
    bool *const kinds[] = {&f->instructions, &f->registers, &f->ports, &f->events};
    static const char *const names[] = {"insn", "regs", "io", "int"};
    bool any = false, is_kind;

    for (unsigned i = 2; i < line->count; i++) {
        if (!strcmp(line->word[i], "if")) {
            f->condition = command_rest(line, i + 1, condition);
            break;
        }
        is_kind = false;
        for (unsigned k = 0; k < ARRAY_LEN(names); k++)
            if (!strcmp(line->word[i], names[k]))
                any = is_kind = *kinds[k] = true;
        if (!is_kind && !take_range(c, line->word[i], f, out))
            return false;
    }
    if (!any)
        f->instructions = f->ports = f->events = true;
    return true;
}

bool command_trace(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    struct trace_filter filter = {.last = UINT64_MAX};
    char condition[COMMAND_LINE_MAX], err[300] = "";

    if (!d)
        return false;
    if (line->count == 1) {
        if (debug_trace_count(d) == UINT64_MAX)
            text_add(out, "no trace is written\n");
        else
            text_addf(out, "%" PRIu64 " records so far\n", debug_trace_count(d));
        return true;
    }
    if (line->count == 2 && !strcmp(line->word[1], "off")) {
        if (debug_trace_count(d) != UINT64_MAX)
            text_addf(out, "%" PRIu64 " records\n", debug_trace_count(d));
        if (debug_trace(d, NULL, NULL, err, sizeof err))
            return true;
    } else if (!take_words(c, line, condition, &filter, out)) {
        return false;
    } else if (debug_trace(d, line->word[1], &filter, err, sizeof err)) {
        return true;
    }
    return text_fail(out, "%s", err);
}

/* ---- Printing ---- */

static bool print_records(const void *data, size_t len, FILE *out, char *err, size_t err_size)
{
    struct trace_reader *r = trace_reader_new(data, len, err, err_size);
    struct trace_record record;
    char line[512];

    if (!r)
        return false;
    while (trace_next(r, &record)) {
        trace_text(&record, line, sizeof line);
        if (fprintf(out, "%s\n", line) < 0)
            break; /* whoever reads it has seen enough */
    }
    if (trace_reader_error(r))
        snprintf(err, err_size, "%s", trace_reader_error(r));
    trace_reader_free(r);
    return !*err;
}

bool print_trace(const char *path, FILE *out, char *err, size_t err_size)
{
    char why[200] = "";
    struct stat st;
    void *data = MAP_FAILED;
    int fd;

    errno = 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !fstat(fd, &st) && st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        snprintf(err, err_size, "trace: '%.200s': %s", path, errno ? strerror(errno) : "empty");
    } else {
        if (!print_records(data, (size_t)st.st_size, out, why, sizeof why))
            snprintf(err, err_size, "trace: '%.200s': %s", path, why);
        munmap(data, (size_t)st.st_size);
    }
    if (fd >= 0)
        close(fd);
    return data != MAP_FAILED && !*why;
}
