/* The command fork. */
#include "frontend/commands.h"

#include "devices/board/fork.h"
#include "devices/board/machine.h"
#include "frontend/fork_process.h"
#include "frontend/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fork_rest {
    struct command_rest rest; /* first member */
    struct fork *fork;
    char *option[COMMAND_WORDS_MAX + 1]; /* ends with NULL */
};

/* What the new process would refuse, before anything is begun. */
static bool check_options(char *const *option, unsigned count, struct text *out)
{
    char *argv[COMMAND_WORDS_MAX + 1] = {"fork"}, err[500] = "";
    struct options o;
    bool good;

    memcpy(argv + 1, option, count * sizeof *option);
    options_init(&o);
    o.forked = true;
    good = !options_parse(&o, (int)count + 1, argv, err, sizeof err);
    if (good && (o.show || o.print_trace)) {
        snprintf(err, sizeof err, "that only shows something, and ends");
        good = false;
    }
    good = good && !options_check(&o, err, sizeof err);
    options_free(&o);
    if (!good)
        text_addf(out, "fork: %s\n", err);
    return good;
}

static void free_rest(struct fork_rest *r)
{
    for (unsigned i = 0; r && r->option[i]; i++)
        free(r->option[i]);
    free(r);
}

static bool finish_fork(struct command_rest *rest, struct text *out)
{
    struct fork_rest *r = (struct fork_rest *)rest;
    struct fork_process process;
    struct text said = {0};
    char err[500] = "";
    bool good = fork_process_start(&process, r->option, err, sizeof err);

    if (good) {
        bool sent = fork_send(r->fork, process.socket, err, sizeof err);

        if (!sent)
            fork_process_abandon(&process);
        good = sent && fork_process_wait(&process, &said);
    }
    if (said.data)
        text_add(out, said.data);
    else
        text_addf(out, "%s\n", err);
    if (good)
        text_addf(out, "this machine stood still for %.1f ms\n",
                  (double)fork_stop_ns(r->fork) / 1e6);
    text_free(&said);
    fork_end(r->fork);
    free_rest(r);
    return good;
}

/* The words after the command's name. */
static struct fork_rest *new_rest(const struct command_line *line)
{
    struct fork_rest *r = calloc(1, sizeof *r);
    bool good = r;

    for (unsigned i = 1; i < line->count && good; i++) {
        r->option[i - 1] = strdup(line->word[i]);
        good = r->option[i - 1];
    }
    if (good)
        return r;
    free_rest(r);
    return NULL;
}

bool command_fork(struct command_context *c, const struct command_line *line, struct text *out)
{
    char err[500] = "fork: out of memory";
    struct fork_rest *r = new_rest(line);

    if (r && !check_options(r->option, line->count - 1, out)) {
        free_rest(r);
        return false;
    }
    if (r) {
        r->rest.finish = finish_fork;
        r->fork = fork_start(c->machine, err, sizeof err);
    }
    if (r && r->fork)
        return command_leave(c, &r->rest, out);
    text_addf(out, "%s\n", err);
    free_rest(r);
    return false;
}
