/* Behind script.h: parsed scripts, and the table of actions that parser and runner share. */
#ifndef FRONTEND_SCRIPT_TABLE_H
#define FRONTEND_SCRIPT_TABLE_H

#include "devices/host/display.h"
#include "frontend/commands.h"
#include "frontend/script.h"
#include "frontend/text.h"

enum { SCRIPT_KEYS_MAX = 8 };

struct script_step;
struct script_runner;

/* How an action went. */
enum step_result {
    STEP_DONE,
    STEP_FAILED, /* the runner's message says why */
    STEP_ENDED,  /* the program ends with the runner's exit code */
};

/*
 * One action. Its arguments by letter: T text, C text that can be typed, F file, S seconds, I
 * number, K keys with dashes between, k one key, D drive, B mouse button, R the rest of the line, a
 * command of the monitor; p percent, optional.
 */
struct script_action {
    const char *name;
    const char *arguments;
    const char *usage; /* the arguments for people */
    enum step_result (*run)(struct script_runner *r, const struct script_step *s);
    bool serial;
};

extern const struct script_action script_actions[];
extern const unsigned script_action_count;

struct script_step {
    const struct script_action *action;
    unsigned line;
    const char *source; /* the line as written */
    const char *text, *drive;
    char *file;
    u64 ns[2];
    s64 number[2];
    u16 keys[SCRIPT_KEYS_MAX];
    unsigned key_count;
    u8 button;
    double percent;
};

struct script {
    char *name;
    char *lines, *words; /* the source cut into lines, and into decoded words */
    struct script_step *steps;
    size_t count;
};

/* ---- While it runs ---- */

/* Of the monitor's commands. */
struct script_commands {
    struct command_context context;
    struct text output; /* of the last one */
    bool used;          /* there was one: stops of the debugger are the script's business */
    unsigned held;      /* the line since which the machine stands still; 0: it runs */
    bool quit;
    int quit_code;
};

struct script_runner {
    const struct script *script;
    const struct script_host *host;
    struct machine *machine;
    struct display_frame frame;
    struct script_commands commands;
    u8 buttons;
    int exit_code; /* with STEP_ENDED */
    char message[1200];
};

enum step_result script_fail(struct script_runner *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum step_result script_end(struct script_runner *r, int code);

/* script_command.c: `r` stays in place from here on. */
void script_commands_init(struct script_runner *r);
enum step_result script_do_command(struct script_runner *r, const struct script_step *s);
enum step_result script_do_expect_output(struct script_runner *r, const struct script_step *s);
/* The debugger has stopped the machine in the middle of another action. */
enum step_result script_command_stopped(struct script_runner *r);

#endif
