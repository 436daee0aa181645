/*
 * The cache of decoded code. A run is a stretch of instructions that execute one after the other:
 * it starts where something jumped to, ends at the first instruction that may go elsewhere, and
 * lies in one page, except that one instruction across a page boundary makes a run of its own.
 *
 * Runs are kept by the frame they came from, not by address, so they survive CR3 loads; a write to
 * their bytes kills them. Both engines decode through here.
 */
#ifndef CPU_RUN_H
#define CPU_RUN_H

#include "cpu/cpu.h"

enum { RUN_MAX = 48 /* instructions */ };

#define RUN_DEAD UINT64_MAX

struct run {
    u64 key;    /* frame, mode and offset in the page; RUN_DEAD after its bytes were written */
    u16 count;  /* instructions, without the end mark */
    u16 bytes;  /* of code */
    u16 offset; /* in its page */
    u16 room;   /* the cache's: for instructions, where it lies */
    frame_id frame;
    frame_id frame2; /* of the second page of an instruction across a boundary, else 0 */
    struct run *frame_next, *frame2_next; /* lists that hang on struct frame */
    /* The engine's: where the run went on in the same page; valid while the key there matches. */
    struct run *next, *taken;
    /*
     * The engine's: counts down at each execution, and what it did when zero was reached. A new run
     * has the cache's `heat`.
     */
    u32 heat;
    bool put_off;       /* heat was given once more, since the page keeps changing */
    u8 heat_swept;      /* the cache's: low bits of heat when it last looked for runs to forget */
    void *block;        /* the first of its translations; such runs are not forgotten */
    void *users;        /* the engine's: translations that this run is part of, besides its own */
    bool traced;        /* it is hot enough to be translated with those that follow */
    u64 tables;         /* bit per instruction: its memory operand is not reached by a window */
    u64 patched;        /* bit per instruction: its constants were written after it was decoded */
    u64 was;            /* the cache's: key of a run whose page was overwritten */
    struct insn insn[]; /* count of them and an end mark */
};

struct run_cache;

/* What an engine wants to know of runs; each may be NULL. */
struct run_watcher {
    void *opaque;
    /* Its bytes were written or it is forgotten; r is readable until the next run is decoded. */
    void (*killed)(void *opaque, struct run *r);
    /* Other constants were written into instruction `index`, which is the same otherwise. */
    void (*patched)(void *opaque, struct run *r, unsigned index);
    void (*flushed)(void *opaque); /* all are about to go */
    u32 heat;                      /* of new runs */
};

enum { RUN_FRONT = 1 << 15 };

/* `finish` is called for each new run to choose its bodies. NULL if the host has no memory. */
struct run_cache *run_cache_new(struct cpu *c, void (*finish)(void *opaque, struct run *r),
                                void *opaque);
void run_cache_free(struct run_cache *rc);
void run_cache_flush(struct run_cache *rc);

void run_cache_watch(struct run_cache *rc, const struct run_watcher *w);
/* Times that a page's runs were killed since it held none: tells pages that keep changing. */
u32 run_page_kills(struct run_cache *rc, const struct run *r);

/* Call `visit` for some of the runs, about a sixteenth, that `seed` chooses; it may kill them. */
void run_cache_visit_some(struct run_cache *rc, u64 seed,
                          void (*visit)(void *opaque, struct run *r), void *opaque);
/* As if its bytes had been written. */
void run_kill(struct run_cache *rc, struct run *r);

/* The run that a decoded instruction is part of. */
static inline struct run *run_of(const struct insn *in)
{
    return (struct run *)((char *)(uintptr_t)(in - in->index_in_run) - offsetof(struct run, insn));
}

static inline u64 run_key(frame_id frame, u32 mode, u32 offset)
{
    return (u64)frame << 20 | (u64)(mode & 0xFF) << 12 | offset;
}

/* The mode part of a run's key; bit 7 is the engine's own. */
static inline u32 run_mode(const struct run *r)
{
    return (u32)(r->key >> 12) & 0xFF;
}

/*
 * The run at `key`, decoded if it was not there, for the code at linear address la. NULL if it
 * cannot be cached (an instruction across a page boundary whose second page is not in the exec
 * table yet): then the instruction must be stepped.
 */
struct run *run_find(struct run_cache *rc, u64 key, u64 la);

/* The same if it was decoded already; NULL if not. */
struct run *run_known(const struct run_cache *rc, u64 key);

/*
 * RUN_FRONT slots in front of run_find for the engine to use as it likes; a slot's run is valid as
 * long as its key is that of the slot. Cleared whenever the arena is.
 */
struct run_slot {
    u64 key;
    struct run *run;
};

struct run_slot *run_front(struct run_cache *rc);

/* Did a decoded run come from one of these bytes of a frame? */
bool run_code_at(const struct run_cache *rc, frame_id id, u32 offset, u32 len);

/*
 * Kill the runs that came from written bytes, or change the constants of their instructions if
 * nothing else changed; the mmu calls it.
 */
void run_code_written(void *opaque, frame_id id, u32 offset, u32 len);
/* How many runs were killed so far: lets an engine notice that the current one may be among them.
 */
u64 run_kills(const struct run_cache *rc);

#endif
