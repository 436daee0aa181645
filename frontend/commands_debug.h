/* The debugger's commands, as rows of commands.c; docs/debugging.md shows them at work. */
#ifndef FRONTEND_COMMANDS_DEBUG_H
#define FRONTEND_COMMANDS_DEBUG_H

#include "devices/host/display.h"
#include "frontend/commands.h"

typedef bool command_run_fn(struct command_context *c, const struct command_line *line,
                            struct text *out);

/* commands_points.c */
command_run_fn command_break, command_tbreak, command_delete, command_list, command_enable,
    command_disable, command_condition, command_ignore, command_log, command_watch, command_rwatch,
    command_awatch, command_catch;
/* commands_step.c */
command_run_fn command_cont, command_step, command_next, command_finish, command_until,
    command_wait;
/* commands_set.c */
command_run_fn command_set;
/* commands_trace.c */
command_run_fn command_trace;
/* commands_show.c */
command_run_fn command_where, command_print, command_symbols, command_page, command_stack,
    command_callers, command_why, command_jit_dump;

/* commands_rewind.c */
command_run_fn command_rewind, command_step_back, command_continue_back;
/* NULL, with a sentence, if the past is not kept. */
struct rewind *command_rewinder(struct command_context *c, struct text *out);
/* commands_who.c */
command_run_fn command_who_wrote;
/* Where a dot of the picture comes from; false, with a sentence, if from nowhere. */
bool command_dot(struct command_context *c, const char *x_word, const char *y_word,
                 struct display_dot *dot, struct text *out);

/* Words first.. of a line with blanks between; `out` holds COMMAND_LINE_MAX bytes. */
const char *command_rest(const struct command_line *line, unsigned first, char *out);
/* What an expression comes to; false, with a sentence, if it is none. */
bool command_evaluate(struct command_context *c, const char *text, u64 *value, struct text *out);
/* The machine's debugger; NULL, with a sentence, if the host has no memory. */
struct debug *command_debugger(struct command_context *c, struct text *out);
/* Why the machine stopped, registers and the next instruction. */
void command_report_stop(struct machine *m, struct text *out);

#endif
