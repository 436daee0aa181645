/* Behind script.h: parsed scripts, and the table of actions that parser and runner share. */
#ifndef FRONTEND_SCRIPT_TABLE_H
#define FRONTEND_SCRIPT_TABLE_H

#include "frontend/script.h"

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
 * number, K keys with dashes between, k one key, D drive, B mouse button; p percent, optional.
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

#endif
