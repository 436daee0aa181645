/* Going back: rewind, step-back, continue-back. */
#include "frontend/commands_debug.h"

#include "devices/board/debug.h"
#include "devices/board/machine.h"
#include "devices/board/rewind.h"
#include "frontend/values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ERR_BYTES = 400 };

struct rewind *command_rewinder(struct command_context *c, struct text *out)
{
    struct rewind *r = machine_rewind(c->machine);

    if (!r)
        text_add(out, "rewind: the past is not kept; start with --rewind 256M\n");
    return r;
}

/* The answer of what went wrong, or where the machine is now. */
static bool answer(struct command_context *c, struct text *out, bool good, const char *err)
{
    struct rewind_status s;

    if (!good)
        return text_fail(out, "%s", err);
    rewind_get_status(machine_rewind(c->machine), &s);
    if (s.past)
        text_addf(out, "at %.6f s, %.6f s before the newest moment\n", (double)s.now_ns / 1e9,
                  (double)(s.newest_ns - s.now_ns) / 1e9);
    else
        text_addf(out, "at %.6f s, the newest moment\n", (double)s.now_ns / 1e9);
    return true;
}

static void add_status(struct rewind *r, struct text *out)
{
    struct rewind_status s;

    rewind_get_status(r, &s);
    text_addf(out,
              "the past goes back %.3f s (to instruction %" PRIu64
              "), in %u snapshots and %zu MiB; "
              "now it is %.6f s",
              (double)(s.now_ns - min_u64(s.oldest_ns, s.now_ns)) / 1e9, s.oldest_count, s.points,
              s.bytes >> 20, (double)s.now_ns / 1e9);
    if (s.past)
        text_addf(out, ", %.6f s before the newest moment", (double)(s.newest_ns - s.now_ns) / 1e9);
    text_add(out, "\n");
}

/* To a time since the machine's start. */
static bool rewind_to(struct command_context *c, struct rewind *r, const char *word,
                      struct text *out)
{
    char err[ERR_BYTES] = "";
    u64 ns;

    if (value_seconds(word, &ns))
        return answer(c, out, rewind_to_time(r, ns, err, sizeof err), err);
    return text_fail(out, "rewind: to which second since the start? rewind to 12.5");
}

bool command_rewind(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct rewind *r = command_rewinder(c, out);
    char err[ERR_BYTES] = "", *end;
    double seconds;
    u64 now = machine_now_ns(c->machine);

    if (!r)
        return false;
    if (line->count == 1) {
        add_status(r, out);
        return true;
    }
    if (!strcmp(line->word[1], "present"))
        return answer(c, out, rewind_to_present(r, err, sizeof err), err);
    if (!strcmp(line->word[1], "branch"))
        return answer(c, out, rewind_branch(r, err, sizeof err), err);
    if (!strcmp(line->word[1], "to"))
        return rewind_to(c, r, line->count > 2 ? line->word[2] : "", out);
    if (line->count > 2)
        return text_fail(out, "usage: rewind [SECONDS|to SECONDS|present|branch]");
    seconds = strtod(line->word[1], &end);
    if (end == line->word[1] || *end || !(seconds > 0 && seconds < 1e9))
        return text_fail(out, "rewind: how many seconds back? rewind 2.5");
    now -= min_u64(now, (u64)(seconds * 1e9));
    return answer(c, out, rewind_to_time(r, now, err, sizeof err), err);
}

bool command_step_back(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct rewind *r = command_rewinder(c, out);
    char err[ERR_BYTES] = "";
    u64 count = 1;

    if (!r)
        return false;
    if (line->count > 1 && !command_evaluate(c, line->word[1], &count, out))
        return false;
    machine_set_paused(c->machine, true);
    if (!answer(c, out, rewind_step_back(r, count, err, sizeof err), err))
        return false;
    command_where(c, line, out);
    return true;
}

bool command_continue_back(struct command_context *c, const struct command_line *line,
                           struct text *out)
{
    struct rewind *r = command_rewinder(c, out);
    char err[ERR_BYTES] = "";
    enum rewind_found found;

    if (!r)
        return false;
    machine_set_paused(c->machine, true);
    found = rewind_continue_back(r, err, sizeof err);
    if (!answer(c, out, found != REWIND_FAILED, err))
        return false;
    if (found == REWIND_NOT_FOUND) {
        text_add(out, "no point was hit before; this is the oldest moment\n");
        return command_where(c, line, out);
    }
    command_report_stop(c->machine, out);
    return true;
}
