/*
 * What the user asks for: the command line and configuration files. One table row per option gives
 * its name, its kind and its help to the command line, the configuration file, --help and
 * --print-config.
 */
#ifndef FRONTEND_OPTIONS_H
#define FRONTEND_OPTIONS_H

#include "base/types.h"
#include "devices/board/machine.h"

#define BYGONE_VERSION "0.1"

/* How the program ends; the rest of the exit codes is the guest's (debug exit: value * 2 + 1). */
enum exit_code {
    EXIT_POWERED_OFF = 0,
    EXIT_SCRIPT_FAILED = 2,
    EXIT_DIVERGED = 3,      /* a replay is not as it was recorded */
    EXIT_GUEST_CRASHED = 4, /* a triple fault stopped the machine */
    EXIT_USAGE = 64,
    EXIT_BAD_INPUT = 65,
    EXIT_OUR_FAULT = 70,
    EXIT_HOST_FAILED = 71,
    EXIT_SUSPENDED = 75, /* --suspend: the machine is in the file */
};

enum { OPTIONS_FILES_MAX = 16 };

enum speed_kind { SPEED_DEFAULT, SPEED_FIXED, SPEED_MAX };

/* Options that only show something and end the program. */
enum options_show { SHOW_NOTHING, SHOW_HELP, SHOW_VERSION, SHOW_CONFIG };

struct speed {
    enum speed_kind kind;
    u32 mips; /* SPEED_FIXED */
};

struct options {
    enum options_show show;
    const char *files[OPTIONS_FILES_MAX]; /* those without an option, in order */
    unsigned file_count;

    u64 mem_bytes;
    const char *cpu, *engine, *windows;
    const char *drive[DRIVE_COUNT];
    const char *cdrom;
    const char *boot;
    const char *kernel, *initrd, *append;
    const char *bios, *vgabios;
    const char *serial[MACHINE_SERIALS];
    unsigned serial_count;
    const char *parallel, *debugcon, *wav;
    const char *display, *monitor, *gdb, *qmp;
    const char *print_trace, *print_points;
    const char *script, *screenshot;
    const char *record, *replay, *rewind;
    const char *record_points, *replay_from;
    bool discard, deterministic, keep_writes, reset_on_triple_fault, gdb_wait, stopped;
    bool perf_map;
    bool forked; /* by the command fork: the machine is that of another process */
    struct speed speed;
    s64 rtc_epoch; /* INT64_MIN: the host's time, or a fixed date if deterministic */
    u64 seed;
    s32 post_card_port, debug_exit_port; /* -1: none */
    u64 stop_after_ns;                   /* 0: never */
    const char *log;
    const char *load, *suspend; /* snapshots */
    const char *config;         /* the last one read */

    char **owned; /* all strings above */
    size_t owned_count;
};

void options_init(struct options *o);
void options_free(struct options *o);

/*
 * Read configuration files named in argv, then argv itself, which goes over them. argv[0] is
 * skipped. Returns 0, or an exit code with one sentence, without newline, in err.
 */
int options_parse(struct options *o, int argc, char *const *argv, char *err, size_t err_size);
/* What only makes sense together or apart; call after options_parse and files_assign. As above. */
int options_check(const struct options *o, char *err, size_t err_size);
/*
 * Configuration from memory: "name = value" lines. `file` is for messages, and names of files that
 * are not absolute are taken as beside it.
 */
int options_config(struct options *o, const char *file, const char *text, size_t len, char *err,
                   size_t err_size);

/*
 * What --rewind asks for, or without it what suits: 256M where somebody works with the machine in
 * real time, none for scripts and deterministic runs. *bytes 0: off. False if it is no size.
 */
bool options_rewind(const struct options *o, bool watched, u64 *bytes);

/* What --record-points asks for in ns, 0: none; 10 s without it. False if it is no time. */
bool options_record_points(const struct options *o, u64 *ns);

/* --print-config and --help: text to be freed, NULL when out of memory. */
char *options_print_config(const struct options *o);
char *options_help(void);

/* For tests and the manual: name and argument ("" if none) of option `index`; NULL at the end. */
const char *options_name(unsigned index, const char **argument);

/* Copy a string into `o`; NULL when out of memory. */
const char *options_keep(struct options *o, const char *text);

/* Set option `name` ("mem") to `value`; false and a sentence in err. For files_assign. */
bool options_set(struct options *o, const char *name, const char *value, char *err,
                 size_t err_size);

#endif
