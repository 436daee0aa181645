/*
 * The machine: a board, its processor and its clock, as front ends, scripts and tests see it.
 *
 * One thread, the machine thread, calls everything here except what is marked "any thread". Other
 * threads hand it commands through machine_post. Everything that comes from outside the guest
 * enters through machine_key, machine_mouse, machine_insert ... at a counted moment.
 */
#ifndef DEVICES_BOARD_MACHINE_H
#define DEVICES_BOARD_MACHINE_H

#include "base/types.h"
#include "devices/host/display.h"
#include "devices/host/sound.h"

struct blk;
struct chr;
struct cpu;
struct debug;
struct log;
struct machine;

enum drive_id { DRIVE_FDA, DRIVE_FDB, DRIVE_HDA, DRIVE_HDB, DRIVE_HDC, DRIVE_HDD, DRIVE_COUNT };

enum { MACHINE_SERIALS = 4, MACHINE_PATH_MAX = 4096 };

/* What to build. Strings are the caller's, and copied; NULL means "none". */
struct machine_config {
    u64 mem_bytes;      /* RAM, a multiple of 1 MiB, 1 MiB to 3 GiB */
    const char *cpu;    /* model name: "pentium2" */
    const char *engine; /* "interp" */
    const char *drive[DRIVE_COUNT];
    bool drive_is_cd[DRIVE_COUNT]; /* an ATAPI CD-ROM, which may be empty (path NULL) */
    const char *boot;              /* letters in order: "a", "c", "d" */
    const char *kernel, *initrd, *append;
    const char *bios, *vgabios;          /* files; NULL: the installed SeaBIOS */
    struct chr *serial[MACHINE_SERIALS]; /* owned by the machine from now on */
    bool serial_port[MACHINE_SERIALS];   /* is there even if no stream is; the first always is */
    struct chr *parallel;
    struct chr *debugcon;     /* ports E9h and 402h */
    struct sound_sink *sound; /* owned by the caller */
    bool discard;             /* all images: keep writes in memory */
    bool deterministic;       /* fixed rate, fixed clock, no host time anywhere */
    bool speed_max;           /* steered for all models; deterministic: never wait for the host */
    bool free_run;            /* never wait for the host's clock: nobody watches */
    u32 speed_mips;           /* fixed nominal rate; 0: the model's, or steered to the wall clock */
    s64 rtc_epoch; /* seconds since 1970 that the RTC shows at start; INT64_MIN: host time */
    u64 seed;
    bool post_card;
    u16 post_card_port;
    bool debug_exit;
    u16 debug_exit_port;
    bool reset_on_triple_fault; /* else the machine stops and explains */
    bool perf_map;              /* tell Linux' perf the names of translated code */
    const char *windows;        /* how it reaches memory: engine_windows_names; NULL: the first */
    bool wait_for_room;         /* when the host's disk is full: wait, rather than stop */
    struct log *log;            /* the caller's; outlives the machine */
    /* NULL or: an image was opened for a drive, and nobody has seen it yet. False refuses it. */
    bool (*medium_opened)(void *opaque, unsigned drive, struct blk *blk, char *err,
                          size_t err_size);
    void *medium_opaque;
    /* NULL or: gives the image that a drive begins with, in place of its path. NULL and errno. */
    struct blk *(*open_medium)(void *opaque, unsigned drive);
    void *open_medium_opaque;
};

/* Build and reset a machine. On failure NULL and one sentence in err: part, reason, remedy. */
struct machine *machine_new(const struct machine_config *config, char *err, size_t err_size);
/* The same, and tells whether a failure is the host's fault (no memory) or that of the input. */
struct machine *machine_new_blame(const struct machine_config *config, bool *host_at_fault,
                                  char *err, size_t err_size);
/* Flushes and closes everything. Returns 0 or the first host write error, as -errno. */
int machine_free(struct machine *m);

enum machine_stop {
    MACHINE_TIME,         /* ran until the virtual time asked for */
    MACHINE_POWERED_OFF,  /* the guest switched itself off */
    MACHINE_DEBUG_EXIT,   /* isa-debug-exit was written; machine_exit_code */
    MACHINE_TRIPLE_FAULT, /* and reset_on_triple_fault is off; machine_crash_report explains */
    MACHINE_INTERRUPTED,  /* machine_interrupt was called */
    MACHINE_DEBUG,        /* a point or step of the debugger: debug_last_stop */
    MACHINE_HOST_ERROR,   /* the host's disk is full; machine_error. The guest does not know. */
    MACHINE_REPLAYED,     /* a replay has come to its end; running again goes on from there */
    MACHINE_DIVERGED,     /* a replay is not as it was recorded; machine_error explains */
};

/*
 * Run until virtual time `until_ns` or one of the reasons above. Sleeps on the host as the speed
 * setting asks; returns early, with MACHINE_INTERRUPTED, after machine_interrupt.
 */
enum machine_stop machine_run(struct machine *m, u64 until_ns);
/* Any thread, also a signal handler: make machine_run return soon. Sticky until it has. */
void machine_interrupt(struct machine *m);
/* Any thread: run fn(arg) on the machine thread between instructions, in the order posted. */
void machine_post(struct machine *m, void (*fn)(struct machine *m, void *arg), void *arg);
/* Run what was posted; machine_run does so by itself. */
void machine_run_posted(struct machine *m);

u64 machine_now_ns(const struct machine *m);
u64 machine_instructions(const struct machine *m);
int machine_exit_code(const struct machine *m);
const char *machine_error(const struct machine *m);
/* CS:EIP, the first exception and its cause, callers, last control transfers; several lines. */
const char *machine_crash_report(const struct machine *m);
const struct machine_config *machine_config(const struct machine *m);
struct cpu *machine_cpu(struct machine *m, unsigned index);
/* The debugger (debug.h), made when first asked for; NULL if the host has no memory. */
struct debug *machine_debug(struct machine *m);

void machine_reset(struct machine *m);
/* Press the power button (ACPI). */
void machine_powerdown(struct machine *m);
/* Paused: machine_run sleeps and virtual time stands still. */
void machine_set_paused(struct machine *m, bool paused);
bool machine_is_paused(const struct machine *m);

/* What sockets tell their clients. */
enum machine_event {
    MACHINE_EVENT_STOP,      /* virtual time stands still from now on */
    MACHINE_EVENT_RESUME,    /* and goes on */
    MACHINE_EVENT_RESET,     /* the reset button, or what the guest does instead */
    MACHINE_EVENT_POWERDOWN, /* the power button was pressed */
    MACHINE_EVENT_SHUTDOWN,  /* the guest has switched itself off, ended us, or crashed */
    MACHINE_EVENT_EJECTED,   /* the guest has put out a CD; its drive is empty */
    MACHINE_EVENT_PANICKED,  /* the guest's kernel says that it cannot go on (pvpanic) */
    MACHINE_EVENT_LOADED,    /* the machine is another one, or of another moment: forget the past */
};

/* Called on the machine thread, between instructions; must not unlisten while it is called. */
struct machine_listener {
    struct machine_listener *next;
    void (*event)(void *opaque, enum machine_event e);
    void *opaque;
};
/* The listener is the caller's and stays in place until it is taken out. */
void machine_listen(struct machine *m, struct machine_listener *l);
void machine_unlisten(struct machine *m, struct machine_listener *l);

/* Keys and mouse, see devices/host/input.h. */
void machine_key(struct machine *m, u16 key, bool down);
void machine_mouse(struct machine *m, s32 dx, s32 dy, s32 dz, u8 buttons);

/* Change media of a floppy or CD drive. 0, or -errno and a sentence in err. */
int machine_insert(struct machine *m, enum drive_id drive, const char *path, char *err,
                   size_t err_size);
int machine_eject(struct machine *m, enum drive_id drive, char *err, size_t err_size);
/* The drive by its command-line name ("fda", "cdrom"); DRIVE_COUNT if there is none. */
enum drive_id machine_drive_by_name(const struct machine *m, const char *name);
/* What is in a drive. Strings are valid until the medium changes. */
struct machine_drive {
    const char *name; /* "fda", "cdrom" */
    const char *path; /* NULL: empty */
    bool present, removable, read_only;
    u64 sectors; /* of 512 bytes */
};
void machine_get_drive(const struct machine *m, enum drive_id drive, struct machine_drive *out);

/*
 * Record everything into a file from now on (docs/replay-format.md), and end that, which also
 * machine_free does. False and a sentence in `told`; machine_record_stop always puts one there.
 */
bool machine_record_start(struct machine *m, const char *path, char *told, size_t told_size);
bool machine_record_stop(struct machine *m, char *told, size_t told_size);
/*
 * How far apart points are at least at which a replay of such a recording can begin, in virtual
 * time; 0: there are none. 10 s unless told.
 */
void machine_record_points(struct machine *m, u64 least_ns);
bool machine_is_recording(const struct machine *m);

/*
 * Keep the past from now on in so many bytes, to go back to (rewind.h). False and a sentence in
 * err. machine_rewind is NULL while nobody does.
 */
struct rewind;
bool machine_rewind_start(struct machine *m, size_t bytes, char *err, size_t err_size);
struct rewind *machine_rewind(struct machine *m);

/* Bring a frame up to date with the screen; true if it changed. */
bool machine_render(struct machine *m, struct display_frame *f, bool force);
/* What the dot (x, y) of that picture comes from (display.h); false if it shows no memory. */
bool machine_locate(struct machine *m, u32 x, u32 y, struct display_dot *out);

/* A hash over all guest state: processor, chips, memory. */
u64 machine_state_hash(struct machine *m);
/* Save or load all guest state; load errors leave the machine unfit to run, see state_error. */
struct state;
void machine_state(struct machine *m, struct state *s);

/* False while a recording plays, when nothing can be changed from outside. */
bool machine_takes_input(const struct machine *m);

/* Guest memory for debuggers: never faults, never touches chips. Returns bytes moved. */
size_t machine_read_physical(struct machine *m, u64 gpa, void *data, size_t len);
size_t machine_read_linear(struct machine *m, u64 la, void *data, size_t len);
size_t machine_write_physical(struct machine *m, u64 gpa, const void *data, size_t len);
size_t machine_write_linear(struct machine *m, u64 la, const void *data, size_t len);

/*
 * Text reports for the monitor: "pci", "pic", "block", "mem", "registers", "irq" ... False, and a
 * line that lists the topics, if there is none of that name.
 */
bool machine_info(struct machine *m, const char *topic, char *out, size_t out_size);
/*
 * What the translator made of the code at a linear address, guest and host instructions. False and
 * a sentence if there is nothing of it.
 */
bool machine_translation(struct machine *m, u64 la, char *out, size_t out_size);

/* Status for title bars and LEDs. */
struct machine_status {
    double speed; /* virtual seconds per host second, over the last second or so */
    double mips;  /* instructions per host second / 1e6 */
    u64 disk_ops[DRIVE_COUNT];
    bool paused;
};
void machine_get_status(struct machine *m, struct machine_status *out);

#endif
