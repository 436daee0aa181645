/*
 * Commands of the monitor in scripts. Where the monitor waits by the host's clock until the machine
 * stands still, a script lets so much virtual time pass, so that its run can be repeated.
 */
#include "frontend/script_table.h"

#include "devices/board/machine.h"
#include "frontend/commands_debug.h"
#include "frontend/outcome.h"

#include <stdio.h>
#include <string.h>

static void quit(void *opaque, int code)
{
    struct script_runner *r = opaque;

    r->commands.quit = true;
    r->commands.quit_code = code;
}

static void tell(void *opaque, const char *line)
{
    printf("%s%s", line, *line && line[strlen(line) - 1] == '\n' ? "" : "\n");
    fflush(stdout);
}

void script_commands_init(struct script_runner *r)
{
    r->commands.context =
        (struct command_context){.machine = r->machine, .quit = quit, .tell = tell, .opaque = r};
}

/* Until the debugger stops the machine or the time is over; its report is added to the output. */
static enum step_result wait_for_stop(struct script_runner *r, u32 ms)
{
    u64 until = machine_now_ns(r->machine) + ms * 1000000ull;
    struct script_commands *c = &r->commands;
    enum machine_stop stop;
    int code;

    do {
        if (r->host->stop_after_ns && machine_now_ns(r->machine) >= r->host->stop_after_ns)
            return script_fail(r, "the time given by --stop-after is over");
        stop = machine_run(r->machine,
                           r->host->stop_after_ns ? min_u64(until, r->host->stop_after_ns) : until);
        if (r->host->wants_quit && r->host->wants_quit(r->host->opaque, &code))
            return script_end(r, code);
    } while (stop == MACHINE_INTERRUPTED ||
             (stop == MACHINE_TIME && machine_now_ns(r->machine) < until));
    if (stop == MACHINE_TIME) {
        text_add(&c->output, "the machine is running\n");
        return STEP_DONE;
    }
    if (stop != MACHINE_DEBUG)
        return script_end(r, outcome_report(r->machine, stop));
    machine_set_paused(r->machine, true);
    command_report_stop(r->machine, &c->output);
    return STEP_DONE;
}

enum step_result script_do_command(struct script_runner *r, const struct script_step *s)
{
    struct script_commands *c = &r->commands;
    enum step_result result = STEP_DONE;
    bool good;

    text_free(&c->output);
    c->used = true;
    c->context.wait_ms = 0;
    good = command_run(&c->context, s->text, &c->output);
    if (good && c->context.wait_ms)
        result = wait_for_stop(r, c->context.wait_ms);
    c->held = !machine_is_paused(r->machine) ? 0 : c->held ? c->held : s->line;
    if (c->output.len && good)
        tell(r, c->output.data);
    if (!good)
        return script_fail(r, "%s", c->output.len ? c->output.data : "it failed");
    return c->quit ? script_end(r, c->quit_code) : result;
}

enum step_result script_do_expect_output(struct script_runner *r, const struct script_step *s)
{
    const struct script_commands *c = &r->commands;

    if (c->output.len && strstr(c->output.data, s->text))
        return STEP_DONE;
    return script_fail(r, "\"%.200s\" is not in what the last command printed:\n%.800s", s->text,
                       c->output.len ? c->output.data : "(nothing)");
}

enum step_result script_command_stopped(struct script_runner *r)
{
    struct text report = {0};

    command_report_stop(r->machine, &report);
    script_fail(r,
                "the debugger has stopped the machine; 'command wait SECONDS' waits for that:\n%s",
                report.len ? report.data : "");
    text_free(&report);
    return STEP_FAILED;
}
