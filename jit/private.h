/*
 * The translator's own structures; see docs/translator.md.
 */
#ifndef JIT_PRIVATE_H
#define JIT_PRIVATE_H

#include "cpu/cpu.h"
#include "cpu/engine.h"
#include "cpu/interp.h"
#include "cpu/optab.h"
#include "jit/jit.h"

#include <stdio.h>

/*
 * Words that translated code reaches through its state register (cpu->engine_word).
 *
 * LEFT counts down: the processor has completed LIMIT - LEFT instructions, where a block takes off
 * all of its own at its head. BASE is the offset in CS of the current page's first byte, EXEC the
 * address of the current page's entry in the exec table.
 */
enum jit_word {
    W_LEFT,
    W_LIMIT,
    W_BASE,
    W_EXEC,
    W_RIP,
    W_LINK,
    W_TEMP,
    W_JUMPS,
    W_VALUE,
    W_CODE,        /* where the cache begins, as it is executed */
    W_FAULT_FLAGS, /* what follows is of a fault in a window: the host's flags as LAHF has them, */
    W_FAULT_CODE,  /* where in the cache it was, */
    W_FAULT_ADDRESS, /* and the linear address, with bit 63 set if it was for writing */
};

enum {
    /*
     * A block looks at the count once, somewhere in it; so it is stopped this many instructions
     * early, and the interpreter does the rest.
     */
    JIT_MARGIN = 2 * RUN_MAX,
    JIT_HEAT = 4,
    TRACE_SAMPLES = 2,
    JIT_CODE_BYTES = 256 << 20,
    JIT_BLOCK_BYTES_MAX = 64 << 10,
    /* Jumps whose target is known only at run time: slots for each mode of blocks, by target. */
    JUMP_SLOTS = 65536,
    JUMP_FORMS = 2,     /* with the flags in the host's, in memory */
    NOWHERE_BYTES = 16, /* of what empty slots lead to, see make_nowhere */
    JUMP_MODES = 512,
    /* What the mode of a block has besides its run's: it uses windows. */
    MODE_WINDOW = 1 << 8,
    WINDOW_SITES_MAX = 2 << 20,
};

/* As a number of faults: a window may cost no more, whatever its mode. */
#define FAULTS_SPENT (1ull << 62)

#define JUMP_TABLE_BYTES ((size_t)JUMP_MODES * JUMP_FORMS * JUMP_SLOTS * sizeof(u32))

struct block;

/* A jump in host code that goes straight to another block, or to its own exit as long as not. */
struct link {
    struct block *from;
    struct link *next; /* of those that go to the same block */
    struct block *to;  /* NULL: to its exit */
    u8 *jump;          /* the 4 bytes of displacement, in the writable view */
    const u8 *exit;    /* in the executable view */
    u8 *guard;         /* across pages: the 4 bytes of the expected frame, else NULL */
    u8 entry;          /* enum link_entry */
};

/* In W_LINK beside the place of a block: the count ran out there. */
enum { LINK_STOPPED = 1 };

/* Where the flags are when a jump is taken. */
enum link_entry { ENTER_REGISTER, ENTER_MEMORY, ENTER_ANY };

/*
 * Runs translated as one; see trace.c. Which ones, with the keys that they had and where each one's
 * instructions begin in `run`, which is not in the cache of runs.
 */
enum { TRACE_PARTS = 8 };
struct trace {
    struct run *run;
    struct run *part[TRACE_PARTS];
    u64 key[TRACE_PARTS];
    u8 first[TRACE_PARTS];
    u8 parts;
};

struct trace_room {
    struct trace trace;
    struct run run;
    struct insn insn[RUN_MAX + 1]; /* run.insn */
};

/* Blocks that a run is part of besides its own. */
struct user {
    struct user *next;
    struct block *block;
};

/* A translation of a run, which may have more than one: see fits in jit.c. */
struct block {
    struct run *run;    /* NULL after it was killed */
    struct block *also; /* the next one of the run */
    const u8 *entry[3]; /* by enum link_entry */
    struct link *incoming;
    const u8 *code, *end; /* the hot part */
    const u8 *cold, *cold_end;
    const u8 *dead;      /* what its entry becomes when it is killed */
    struct door *doors;  /* where the quick jumps come in, by address */
    u32 base16;          /* 16-bit code: what W_BASE must be */
    u64 patched;         /* bit per instruction: its constants are loaded when it is executed */
    bool window;         /* it reaches memory through the window where it may */
    struct link *link;   /* `links` of them */
    struct run *code_of; /* its instructions: `run`, or those of a trace */
    struct trace *trace; /* NULL: of `run` alone */
    u32 samples;         /* how often the count ran out in it */
    u32 bytes;           /* of this structure and what is behind it */
    u8 links;
    u8 count;  /* of instructions, and */
    u16 hot[]; /* where each one's hot code begins, counted from `code`, and where the last ends */
};

/*
 * Jumps whose target is known only at run time take one of two ways to it. The quick way is for
 * flat 32-bit code: 65536 slots for each mode and place of the flags, by the low bits of the
 * target; a slot is what to add to the code's base. It leads to a door of a block, which looks
 * whether that is the target and its page still the frame that the block was made from. What the
 * block wants to know of where it is, a door knows as constants, so that no arithmetic waits for a
 * return address. A slot of zero leads to the cache's first bytes, where the dispatcher is called.
 */
struct door {
    struct door *next;     /* of the block */
    struct door *behind;   /* of the slot */
    u8 *code[JUMP_FORMS];  /* in the writable view */
    u8 *other[JUMP_FORMS]; /* the jump of what is not for it */
    u32 rip, mode;
};

static inline u32 jump_table_at(u32 mode, unsigned form)
{
    return (mode * JUMP_FORMS + form) * JUMP_SLOTS;
}

/* Code of these modes of runs has the quick way. */
static inline bool jumps_quickly(u32 mode)
{
    return (mode & MODE_CS_FREE) && (mode & MODE_CODE_SIZE) == CODE32;
}

/*
 * The other way: slots are found by the target's offset in CS. The tag tells targets apart that
 * share a frame: that offset; with a base of CS the linear address; in 16-bit code, whose blocks
 * hold for one place in one segment, the offset and where it is in its page.
 */
struct jump_slot {
    u32 tag;
    frame_id frame;
    const u8 *code;
};

/*
 * Hot code from `code` on, counted from the cache's start, that may fault in a window, up to the
 * next site: for which instruction it stands.
 */
struct window_site {
    u32 code;
    u32 block;          /* in the arena */
    u8 index;           /* of the instruction in its run */
    bool flags_in_host; /* and nowhere else */
    bool counted;       /* the block's instructions are off W_LEFT */
    s8 noted;           /* last x87 instruction, not yet noted; or -1 */
};

/* Two views of the same memory: one to write, one to execute. Hot code in front, cold behind. */
struct code_cache {
    u8 *write;
    const u8 *exec;
    u32 *jumps; /* see jump_table_at; JIT_CODE_BYTES behind exec */
    size_t hot, cold, hot_end, cold_end;
    size_t reserved; /* what the stubs take of the hot part */
};

bool code_cache_open(struct code_cache *cc);
void code_cache_close(struct code_cache *cc);

static inline const u8 *code_exec(const struct code_cache *cc, const u8 *write)
{
    return cc->exec + (write - cc->write);
}

struct jit {
    struct cpu *c;
    struct code_cache code;
    struct jump_slot *jumps;        /* JUMP_MODES * JUMP_SLOTS */
    u8 *blocks;                     /* arena of struct block */
    size_t blocks_used, blocks_end; /* behind there are doors, the newest first */

    /* Stubs, in the executable view. */
    void (*enter)(struct cpu *c, const u8 *code);
    const u8 *leave_memory, *leave_register; /* r8d: rip, r9: link or 0; flags there */
    const u8 *helper;                        /* r8: insn, r9d: see HELPER_LEAVE */
    const u8 *fault;                         /* from anywhere in hot code; flags in the host's */
    const u8 *indirect[JUMP_MODES];          /* r8d: target; flags in memory */
    const u8 *nowhere[JUMP_FORMS];           /* r8d: target that has no door */
    bool bmi2;
    /* r8d: linear address, r9d: size; r9 and ZF become what lean.c says, all else stays. */
    const u8 *reach_read, *reach_write;
    const u8 *hold;     /* r9d: masked? then as above */
    const u8 *store[3]; /* of 1, 2, 4 bytes; r8d: linear address, r9d: value */
    /* r8: insn, r9d: operand; then what the function of lean.c says: r9 `next`, r8d `value`. */
    const u8 *in, *out, *load_segment, *load_control, *far_jump, *rdtsc;

    enum engine_stop stop; /* why a helper left */
    bool stopped;
    bool traces_at_once; /* for tests: traces are made before they are known to be hot */
    bool flushed;        /* blocks went away while translating or linking */
    u32 heat;
    struct {
        u64 translated, instructions, killed, patched, flushes, entered, helper_calls, slow_calls;
        u64 links, jump_misses, traces;
        u64 window_faults, window_refused;
        u64 sampled[2][2];       /* where the count ran out: in a trace, by windows */
        u64 executed, in_blocks; /* instructions, of them in translated code */
    } stat;
    u64 changes; /* runs that were killed: is the current one among them? */
    bool stale;  /* some were before the handler was called that comes: it must not go on */
    bool loads_segment[ROW_COUNT];
    u64 helped[ROW_COUNT]; /* executions that were left to handlers, by row */
    u64 slowed[ROW_COUNT]; /* slow accesses, by row */
    FILE *perf_map;        /* NULL: none */
    struct {
        enum jit_windows mode;
        const u8 *base; /* what GS is on this thread, NULL if not known */
        struct window_site *site;
        u32 sites;
        /* By class: since when all was calm; when it was switched on, and faults since. */
        u64 clears[MMU_CLASSES], calm_from[MMU_CLASSES];
        u64 on_at[MMU_CLASSES], faults[MMU_CLASSES];
        bool dear; /* the fault at hand is one too many */
    } windows;
    struct {
        u32 one_in; /* 0: off */
        u64 seed;
    } often; /* see jit_disturb_often */
};

/* In r9d of a helper call: instructions not yet done, as s16, and this if it must leave after. */
enum { HELPER_LEAVE = 1 << 16, HELPER_SLOW = 1 << 17 };

/*
 * jit.c: called by translated code through the stub. HELPED_STAY: go on in the block; HELPED_LEAVE:
 * back to the dispatcher; anything else is where the next block begins.
 */
enum { HELPED_STAY, HELPED_LEAVE };
u64 jit_help(struct cpu *c, const struct insn *in, u32 how, u32 base);

/*
 * lean.c: an access that found nothing in T. The host address of what is to be read or written,
 * minus `la`; of chips' memory that of a copy of it. 0: by the handler.
 */
u64 jit_reach_read(struct cpu *c, u32 la, unsigned size);
u64 jit_reach_write(struct cpu *c, u32 la, unsigned size);
enum { STORED_NOT, STORED, STORED_LEAVE /* the block behind the instruction */ };
u64 jit_store(struct cpu *c, u32 la, u32 value, unsigned size);
/* The x87 state goes to the host; 0 if it may not, or if it must be `masked` and is not. */
u64 jit_hold(struct cpu *c, u32 la, u32 masked);

/*
 * Instructions that are done without their handlers. The next one is then in the same block, or
 * where `next` leads to, for the offset in CS in H_ADDR and no link in H_DIFF; LEAN_NOT: it is the
 * handler's.
 */
enum { LEAN_NOT, LEAN_STAY };
struct lean {
    u64 next;  /* LEAN_NOT, LEAN_STAY or an address */
    u64 value; /* of IN and RDTSC; where a jump leads */
};
struct lean jit_in(struct cpu *c, const struct insn *in, u32 port);
struct lean jit_out(struct cpu *c, const struct insn *in, u32 port, u32 value);
struct lean jit_load_segment(struct cpu *c, const struct insn *in, u32 sel);
struct lean jit_load_control(struct cpu *c, const struct insn *in, u32 value);
struct lean jit_far_jump(struct cpu *c, const struct insn *in, u32 none);
struct lean jit_rdtsc(struct cpu *c, const struct insn *in, u32 none);

/* What helpers are made of. The state as before `in`, with `rest` of the block still to do. */
void jit_take_over(struct cpu *c, const struct run *r, const struct insn *in, s32 rest, u32 base);
/* To the block at CS:rip if there is one already. */
u64 jit_onward(struct cpu *c);
u64 jit_leave(struct jit *j, enum engine_stop why);

/*
 * faults.c: called by the "fault" stub as jit_help is; and around the running of translated code.
 */
u64 jit_window_fault(struct cpu *c);
void jit_windows_begin(struct jit *j);
void jit_windows_end(void);
bool jit_windows_open(struct jit *j);
void jit_windows_close(struct jit *j);

/*
 * Before a handler runs: if jit_changes is another one behind it, what translated code relies on
 * may have changed.
 */
static inline u64 jit_changes(struct cpu *c, struct jit *j)
{
    u64 changes = j->changes + c->mmu.sweeps - j->stale;

    j->stale = false;
    return changes;
}

/* The run has no block any more. */
void jit_drop_blocks(struct jit *j, struct run *r);
/* arena.c */
bool arena_open(struct jit *j);
void arena_close(struct jit *j);
void arena_empty(struct jit *j);
/* Room for a block of `trace`, or if that is NULL of `head` alone. NULL: there is none. */
struct block *arena_new_block(struct jit *j, struct run *head, const struct trace *trace);
struct door *arena_new_door(struct jit *j);
/* The block behind one, dead ones included; the first behind NULL, NULL behind the last. */
struct block *arena_next(const struct jit *j, const struct block *b);
/*
 * trace.c: the trace that begins with `head`, in `room`; NULL if nothing follows. `base16`: see
 * struct block.
 */
struct trace *trace_make(struct jit *j, struct run *head, u32 base16, struct trace_room *room);
bool trace_uses(const struct block *b, const struct run *r);
struct run *trace_origin(const struct block *b, unsigned *index);

/* New runs are hot after so many executions. */
void jit_set_heat(struct jit *j, u32 heat);

/* disturb.c: what jit_disturb_often asked for. */
void jit_disturb_perhaps(struct jit *j);

/* Text of bounded size. */
struct jit_text {
    char *at;
    size_t room;
};

/* notes.c: for --log=jit and for perf. */
void jit_note_translated(struct jit *j, const struct block *b);
void jit_note_killed(struct jit *j, const struct run *r);
void jit_note_flushed(struct jit *j);
void jit_notes_end(struct jit *j);

/* describe.c */
void jit_say(struct jit_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* x64: the code from `at` to `end`, which is of block `b`, a line each. */
void x64_list(const struct jit *j, const struct block *b, const u8 *at, const u8 *end,
              struct jit_text *t);

/* x64: stubs once, then blocks. NULL if there is no room left in the cache. */
/* The number of a conditional jump's condition, or -1. */
int x64_condition(const struct insn *in);
bool x64_make_stubs(struct jit *j);
struct block *x64_translate(struct jit *j, struct run *r, bool window);
/* Point a link at a block or back at its exit. */
void x64_link(struct jit *j, struct link *l, struct block *to, frame_id frame);
/* Whoever still jumps to the block gets to the dispatcher. */
void x64_retire(struct jit *j, struct block *b);
const u8 *x64_make_indirect(struct jit *j, u32 mode);
void x64_shut_doors(struct jit *j, struct block *b);
/* Make doors for the block at offset `rip` in CS, and aim the slots of its mode at them. */
void x64_open_doors(struct jit *j, struct block *b, u32 rip);

#endif
