/*
 * What the files of the debugger share: debug.c keeps the points and arms the processor,
 * debug_hooks.c is what the processor calls.
 */
#ifndef DEVICES_BOARD_DEBUG_PRIVATE_H
#define DEVICES_BOARD_DEBUG_PRIVATE_H

#include "cpu/hooks.h"
#include "devices/board/debug.h"
#include "devices/board/debug_expr.h"
#include "devices/board/debug_symbols.h"

/* A place in the guest's code, and the stack there: tells a frame from a deeper one. */
struct place {
    u64 la, stack; /* linear */
};

/* What debug_step and debug_until have under way. */
enum plan_kind {
    PLAN_NONE,
    PLAN_STEP,   /* until one more instruction has completed, or a fault is delivered */
    PLAN_REACH,  /* until `to`, with the stack not below it */
    PLAN_RETURN, /* until a return leaves this stack above `to.stack`, or this privilege level */
    PLAN_TRUE,   /* until d->until is not zero */
};

struct plan {
    enum plan_kind kind;
    enum debug_step_kind step; /* how to go on while `left` is not 0 */
    u32 left;                  /* steps after this one */
    u64 from, end;             /* PLAN_STEP goes on while the next instruction is in [from, end) */
    u64 count;                 /* where it began */
    struct place to;
    u64 stack_base; /* PLAN_RETURN: of SS when it began; handlers change stacks meanwhile */
    u8 cpl;
    bool faulted;   /* PLAN_STEP: a fault has been delivered since */
    bool returning; /* PLAN_RETURN: the last instruction seen is a return */
    bool held;      /* an interrupt came between: wait until it has returned to `back` */
    bool executed;  /* and the instruction had completed by then */
    struct place back;
};

struct point {
    struct debug_point pub;
    struct debug_expr *condition; /* or NULL */
    struct debug_expr *watched;   /* DEBUG_REGISTER */
    u64 value;  /* of that at the last boundary; DEBUG_DOT: of the bits when last looked at */
    bool stale; /* DEBUG_DOT: a chip writes them, and they have not been looked at since */
    char log[DEBUG_TEXT];
    u64 linear; /* the address, and what SELECTOR:OFFSET was when added; physical if so asked */
};

struct debug {
    struct cpu *cpu;
    const struct display_source *display;
    struct cpu_hooks hooks;
    struct point points[DEBUG_POINTS];
    unsigned count;
    int next_id, search_id;

    struct debug_observer *observers;
    struct trace *trace; /* or NULL */
    struct plan plan;
    struct debug_expr *until;
    struct symbols *symbols;
    struct place last_place; /* the last instruction looked at, while there are DEBUG_REGISTERs */
    u16 last_cs;
    u64 last_rip;

    /* The instruction that the machine stands before and that no breakpoint stops again. */
    struct place passed;
    u64 passed_count;
    bool passing, interrupted;
    bool
        in_front; /* the stop being gathered is one of a boundary: its breakpoints were looked at */

    struct debug_stop next; /* being gathered; reason DEBUG_STOPPED_NOT: nothing yet */
    struct debug_stop last;

    u32 mode; /* PE, PG, VM, LMA as last seen */

    bool (*wants)(void *opaque, const struct debug_stop *stop);
    void *wants_opaque;
    bool searching; /* see debug_search */
    int only;
    void (*log)(void *opaque, const char *text);
    void *log_opaque;
};

/* debug_hooks.c */
void debug_hooks_init(struct debug *d);
struct place debug_here(const struct cpu *c);
u32 debug_mode_bits(const struct cpu *c);

/* What chips write to memory; for physmap_watch_chips. */
void debug_chip_writes(void *opaque, u64 gpa, const u8 *data, size_t len);

/* debug_plan.c */
void debug_plan_begin(struct debug *d, enum debug_step_kind kind);
/* At a boundary: is what was asked for done? */
bool debug_plan_done(struct debug *d);
void debug_plan_event(struct debug *d, enum event_kind kind);
bool debug_plan_steps(const struct plan *p);
void debug_plan_end(struct debug *d);

/* debug_log.c: a log text with its expressions worked out. */
void debug_log_line(struct debug *d, const struct point *p, const struct debug_stop *what);

/* debug.c: hooks and single stepping as points and plan need them. */
void debug_arm(struct debug *d);
/* And the tables, after the pages that are to be hidden have changed. */
void debug_arm_pages(struct debug *d);

#endif
