/*
 * Scripts: lines that wait for what the guest shows, type, move the mouse, change media and judge
 * pictures, all in virtual time. docs/bygone.1 lists them.
 */
#ifndef FRONTEND_SCRIPT_H
#define FRONTEND_SCRIPT_H

#include "base/types.h"

struct log;
struct machine;
struct script;
struct serial_tap;

/*
 * Parse a script from memory; `name` is for messages, and files are beside it. NULL and a sentence
 * that names the line in err.
 */
struct script *script_parse(const char *name, const char *text, size_t len, char *err,
                            size_t err_size);
/* The same from a file. */
struct script *script_load(const char *file, char *err, size_t err_size);
void script_free(struct script *s);
/* True if it listens to or types into the first serial port. */
bool script_uses_serial(const struct script *s);
size_t script_length(const struct script *s);

/* What a script runs on. */
struct script_host {
    struct machine *machine;
    struct serial_tap *serial; /* may be NULL if script_uses_serial is false */
    struct log *log;
    u64 stop_after_ns; /* 0: never */
    /* True if the user wants to end; the code then is *code. */
    bool (*wants_quit)(void *opaque, int *code);
    /* The debugger has stopped the machine; the script waits meanwhile. NULL: it ends. */
    void (*stopped)(void *opaque);
    void *opaque;
};

/* Run it to its end; on the machine thread. Returns the program's exit code. */
int script_run(const struct script *s, const struct script_host *host);

#endif
