/*
 * The one set of commands, for the monitor, menus and sockets. A command runs on the machine
 * thread, between instructions, and prints into a text.
 */
#ifndef FRONTEND_COMMANDS_H
#define FRONTEND_COMMANDS_H

#include "base/types.h"
#include "frontend/text.h"

struct machine;

enum { COMMAND_WORDS_MAX = 64, COMMAND_LINE_MAX = 1024 };

/* A line taken apart. Words point into `buffer`. */
struct command_line {
    char buffer[COMMAND_LINE_MAX];
    unsigned count;
    const char *word[COMMAND_WORDS_MAX];
};

/* The end of a command that takes longer than a guest should stand still for. */
struct command_rest {
    /* Any thread, once; frees itself. False if it failed; what is to be told is added to `out`. */
    bool (*finish)(struct command_rest *rest, struct text *out);
};

/* What commands remember and whom they ask; one for each user of them. */
struct command_context {
    struct machine *machine;
    /* End the program. */
    void (*quit)(void *opaque, int code);
    /* Tell users something that is no answer; may be NULL. */
    void (*tell)(void *opaque, const char *line);
    void *opaque;
    /* Set by a command after which the machine will stop soon: how long to wait for its report. */
    u32 wait_ms;
    /*
     * NULL, or where `save`, `export` and `fork` leave what is still to be done: who runs the
     * command does that, with command_end, on a thread that is not the machine's, and the guest
     * goes on meanwhile.
     */
    struct command_rest **rest;
    /* Of the last x or xp: where to go on, and how. */
    u64 dump_next;
    char dump_format, dump_size;
};

/* A row of the set. */
struct command {
    const char *name;
    const char *arguments; /* for people */
    const char *help;
    unsigned min, max; /* how many arguments */
    bool (*run)(struct command_context *c, const struct command_line *line, struct text *out);
};

extern const struct command commands[];
extern const unsigned command_count;

/*
 * Take a line apart: words with blanks between, or in double quotes. False and a sentence in `out`
 * if it cannot be. Pure.
 */
bool command_parse(const char *text, struct command_line *line, struct text *out);
/* The row for a line; NULL, with a sentence in `out`, if there is none or the count is wrong. */
const struct command *command_find(const struct command_line *line, struct text *out);
/* Run a line, on the machine thread. False if it failed; what is to be told is in `out`. */
bool command_run(struct command_context *c, const char *text, struct text *out);

/* commands_snapshot.c */
bool command_save(struct command_context *c, const struct command_line *line, struct text *out);
bool command_load(struct command_context *c, const struct command_line *line, struct text *out);
bool command_export(struct command_context *c, const struct command_line *line, struct text *out);

/* commands_fork.c */
bool command_fork(struct command_context *c, const struct command_line *line, struct text *out);

/* Leave `rest` to who runs the command, or do it at once if that one does not want it. */
bool command_leave(struct command_context *c, struct command_rest *rest, struct text *out);
/* Do what a command has left; true if that is nothing. */
bool command_end(struct command_rest *rest, struct text *out);

/* commands_memory.c: x/FMT and xp/FMT. */
struct dump_format {
    u32 count;
    char format; /* x d u o c i, 0: as before */
    char size;   /* b h w g, 0: as before */
};

/* "10i" and the like; false if it is none. Pure. */
bool dump_format_parse(const char *text, struct dump_format *out);
bool command_dump(struct command_context *c, const struct command_line *line, struct text *out);

#endif
