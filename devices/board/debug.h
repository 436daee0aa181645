/*
 * The debugger of a machine: points where it stops, steps, and why it stopped. For the monitor, the
 * gdb stub, reverse execution and the window alike; all on the machine thread.
 *
 *     struct debug *d = machine_debug(m);
 *     id = debug_break_add(d, DEBUG_LINEAR, 0x7C00, 0);
 *     if (machine_run(m, until) == MACHINE_DEBUG)
 *         debug_last_stop(d)->point == id ...
 *     debug_step(d, DEBUG_STEP_INTO, 1);
 *     machine_run(m, until);
 *
 * machine_run returns MACHINE_DEBUG between two instructions; calling it again goes on, past a
 * breakpoint at the present instruction. What nobody uses costs nothing: see cpu/hooks.h.
 */
#ifndef DEVICES_BOARD_DEBUG_H
#define DEVICES_BOARD_DEBUG_H

#include "base/types.h"
#include "devices/host/display.h"

struct cpu;
struct debug;
struct symbols;

enum { DEBUG_POINTS = 256, DEBUG_TEXT = 240 };

/* What an address counts. */
enum debug_space {
    DEBUG_LINEAR,
    DEBUG_PHYSICAL,
    DEBUG_SEGMENTED, /* CS must be the selector too: address is the offset */
};

enum debug_kind {
    DEBUG_BREAK,     /* before the instruction at an address */
    DEBUG_WATCH,     /* after an instruction that touches memory at [address, address + length) */
    DEBUG_PORT,      /* the same for ports */
    DEBUG_MSR,       /* and for one model-specific register */
    DEBUG_REGISTER,  /* a register or other expression has changed */
    DEBUG_INTERRUPT, /* delivery of vector `address`, whatever it comes from; UINT64_MAX: of any */
    DEBUG_EXCEPTION, /* delivery of a fault or trap of that vector; UINT64_MAX: of any */
    DEBUG_MODE_SWITCH, /* PE, PG, VM or long mode have changed */
    DEBUG_TASK_SWITCH, /* a task switch */
    DEBUG_DOS,         /* INT 21h with AH == address; UINT64_MAX: any */
    DEBUG_TRIPLE,      /* a triple fault, before the reset that it causes */
    DEBUG_MAGIC,       /* XCHG BX, BX */
    DEBUG_DOT,         /* after what sets `bits` of the screen's memory; see machine_locate */
};

enum debug_access { DEBUG_READ = 1 << 0, DEBUG_WRITE = 1 << 1, DEBUG_ACCESS = 3 };

enum debug_flags {
    DEBUG_TEMPORARY = 1 << 0, /* removed by its first stop */
    DEBUG_DISABLED = 1 << 1,
    DEBUG_LOG_ONLY = 1 << 2, /* counts and logs, never stops */
};

/* Whose point it is, so that one user does not list or remove another's. */
enum debug_owner { DEBUG_USER, DEBUG_GDB, DEBUG_REPLAY };

/* A point as it was asked for and how it fared. */
struct debug_point {
    int id; /* 1 and up, never given twice */
    enum debug_kind kind;
    enum debug_space space;
    enum debug_owner owner;
    u64 address, length;
    u16 selector;             /* DEBUG_SEGMENTED */
    u8 access;                /* enum debug_access */
    u8 flags;                 /* enum debug_flags */
    u32 ignore;               /* hits still to be ignored */
    u64 hits;                 /* with the condition met; those ignored included */
    struct display_bits bits; /* DEBUG_DOT */
};

enum debug_reason {
    DEBUG_STOPPED_NOT, /* never so far */
    DEBUG_AT_POINT,    /* see `point` */
    DEBUG_STEPPED,     /* a step, or what debug_until asked for, is done */
};

struct debug_stop {
    enum debug_reason reason;
    int point; /* id of the point, else 0; of several the one added first */
    enum debug_kind kind;
    u64 count; /* instructions completed where the machine stands */
    u16 cs;    /* and the instruction that it stands before */
    u64 rip, la;
    /* Of the access or event: who did it, what, and the value before and after. */
    u16 from_cs;
    u64 from_rip, from_la;
    u64 address; /* as the point counts it; port, MSR or vector number */
    u8 size;     /* bytes */
    bool write;
    u64 old, value;        /* reads: equal */
    char text[DEBUG_TEXT]; /* in words */
};

/* ---- Points ---- */

/*
 * Add a breakpoint or watchpoint; returns its id, or 0 if there are DEBUG_POINTS already. flags is
 * of enum debug_flags.
 */
int debug_break_add(struct debug *d, enum debug_space space, u64 address, unsigned flags);
int debug_watch_add(struct debug *d, enum debug_space space, u64 address, u64 length,
                    enum debug_access access);
/* Any kind; id and hits are ignored. A DEBUG_SEGMENTED one takes the segment as it is mapped now.
 */
int debug_point_add(struct debug *d, const struct debug_point *point);
/* False if there is no such point. */
bool debug_point_remove(struct debug *d, int id);
/* All points of an owner. */
void debug_remove_all(struct debug *d, enum debug_owner owner);
bool debug_point_enable(struct debug *d, int id, bool enable);
bool debug_point_ignore(struct debug *d, int id, u32 count);
/*
 * Only hits for which the expression (debug_expr.h) is not zero count; "" takes it away. One that
 * cannot be computed is false. False, and a sentence in err, if it is none or there is no such
 * point.
 */
bool debug_point_condition(struct debug *d, int id, const char *text, char *err, size_t err_size);
bool debug_point_log_only(struct debug *d, int id, bool log_only);
/* What a hit logs, with expressions in braces: "open {ds:dx} from {cs}"; "" takes it away. */
bool debug_point_log(struct debug *d, int id, const char *text);
/* Stop when the value of an expression has changed: registers, flags, memory; each step is slow. */
int debug_watch_expression(struct debug *d, const char *text, char *err, size_t err_size);
/* Those texts; "" if there is none. */
const char *debug_condition_text(const struct debug *d, int id);
const char *debug_log_text(const struct debug *d, int id);
const char *debug_watched_text(const struct debug *d, int id);

/* The points in the order they were added: NULL behind the last. Valid until one changes. */
const struct debug_point *debug_point_at(const struct debug *d, unsigned index);
const struct debug_point *debug_point_by_id(const struct debug *d, int id);

/* ---- Running ---- */

enum debug_step_kind {
    DEBUG_STEP_INTO, /* one instruction; interrupts that come meanwhile run to their end */
    DEBUG_STEP_OVER, /* the same, but calls, INT n and repeated strings as one */
    DEBUG_STEP_OUT,  /* until the present subroutine or handler has returned */
};

/* From the next machine_run on; `count` steps, each ends early at a point that is hit. */
void debug_step(struct debug *d, enum debug_step_kind kind, u32 count);
/* One into, and more while the next instruction's linear address is in [from, end). */
void debug_step_range(struct debug *d, u64 from, u64 end);
/* Until the instruction at a linear address is next, once. */
void debug_until(struct debug *d, u64 la);
/* Until an expression is not zero; each instruction is looked at. */
bool debug_until_expression(struct debug *d, const char *text, char *err, size_t err_size);
/* Forget a step or until that is under way. */
void debug_cancel(struct debug *d);
/* The last stop, valid until the next; reason DEBUG_STOPPED_NOT if there was none. */
const struct debug_stop *debug_last_stop(const struct debug *d);

/*
 * Asked for each stop before it happens, with the stop filled in; false goes on as if nothing was.
 * NULL takes it away. For searches that only want to count hits (reverse execution).
 */
void debug_set_filter(struct debug *d, bool (*wants)(void *opaque, const struct debug_stop *stop),
                      void *opaque);
/*
 * While the machine does again what it did before, to find something: hits count for nothing, log
 * nothing and remove nothing. only: 0 all points, else the one that is meant; -1 none.
 */
void debug_search(struct debug *d, bool on, int only);
/* The machine has another state: what changes is measured from there; steps are forgotten. */
void debug_jumped(struct debug *d);
/* Where log-only points write, one line each; without it nowhere. */
void debug_set_log(struct debug *d, void (*line)(void *opaque, const char *text), void *opaque);

/*
 * Who wants to see everything: each instruction before it is executed, port access and event. Then
 * the processor runs instruction by instruction. The observer is the caller's and stays in place
 * until it is taken out; functions may be NULL.
 */
struct debug_observer {
    struct debug_observer *next;
    void *opaque;
    /* True: stop in front of it, as a step does. */
    bool (*instruction)(void *opaque, struct cpu *c, u64 la);
    void (*port)(void *opaque, u16 port, unsigned size, bool write, u32 value);
    /* `kind`: 0 fault, 1 trap, 2 INT n, 3 from outside. */
    void (*event)(void *opaque, u8 vector, unsigned kind, bool has_error, u32 error);
};

void debug_observe(struct debug *d, struct debug_observer *o);
void debug_unobserve(struct debug *d, struct debug_observer *o);

/*
 * One trace at a time (trace.h): replaces the one before, which is closed. NULL path: only that.
 * False and a sentence in err.
 */
struct trace_filter;
bool debug_trace(struct debug *d, const char *path, const struct trace_filter *filter, char *err,
                 size_t err_size);
/* Its records so far; UINT64_MAX if there is none. */
u64 debug_trace_count(const struct debug *d);

/* Names for expressions and listings; see debug_symbols.h. NULL when out of memory. */
struct symbols *debug_symbols(struct debug *d);

/* ---- For machine.c ---- */

/* The display is the caller's; NULL: there are no DEBUG_DOTs. */
struct debug *debug_new(struct cpu *c, const struct display_source *display);
void debug_free(struct debug *d);
/* The engine came back with ATT_BREAK: true if the machine is to stop. */
bool debug_takes_stop(struct debug *d);

#endif
