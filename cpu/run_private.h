/*
 * What the files of the cache of decoded code share: run.c decodes, finds and forgets runs,
 * run_room.c finds room for them, run_written.c knows what becomes of them when code is written.
 */
#ifndef CPU_RUN_PRIVATE_H
#define CPU_RUN_PRIVATE_H

#include "cpu/run.h"

enum { CODE_BYTES = 8 /* of code kept for each instruction, on the average */ };

/*
 * What hangs on a frame that code was decoded from: its runs by the 64 bytes that they start in. A
 * run is found through them, since those that start near each other tend to be used together, and a
 * write looks only where one could start that reaches it.
 */
struct code_page {
    struct code_page *next; /* of all */
    frame_id frame;
    u32 runs;
    u32 reach; /* bytes of the longest run that was ever here */
    u32 kills;
    u32 written_to; /* end of the last write, and how many killed that were near the one before */
    u32 in_a_row;
    u32 patched_at; /* bytes of which granule were written lately, each once, and constants changed
                     */
    u64 patched_bytes;
    struct run *at[PAGE_SIZE >> GRANULE_SHIFT];
    struct run *was[PAGE_SIZE >> GRANULE_SHIFT]; /* see run_written.c */
    u64 bytes[PAGE_SIZE >> GRANULE_SHIFT];       /* that runs came from since the page held none */
};

struct run_cache {
    struct cpu *c;
    void (*finish)(void *opaque, struct run *r);
    void *opaque;
    u8 *arena;
    size_t used, limit;
    struct code_page *pages;
    u64 kills;
    struct run_watcher watcher;
    /*
     * Dead runs by the instructions that they have room for, linked by frame_next; at 0 those that
     * were across a page boundary. What points to a run is valid if the key there matches, so the
     * place of one may hold only another, and one that lies in one page only such a one.
     */
    struct run *dead[RUN_MAX + 1];
    struct run_slot front[RUN_FRONT];
};

static inline size_t run_size(const struct run *r)
{
    return sizeof *r + (r->room + 1u) * sizeof r->insn[0] + (size_t)r->room * CODE_BYTES;
}

/* The bytes that the run was decoded from, behind its instructions. */
static inline u8 *run_code(struct run *r)
{
    return (u8 *)&r->insn[r->room + 1u];
}

static inline bool keeps_code(const struct run *r)
{
    return r->bytes <= r->room * CODE_BYTES && !r->frame2;
}

static inline struct run **next_on(struct run *r, frame_id id)
{
    return r->frame == id ? &r->frame_next : &r->frame2_next;
}

/* Where on frame `id` the run's bytes are. */
static inline void extent(const struct run *r, frame_id id, u32 *from, u32 *to)
{
    u32 end = r->offset + r->bytes;

    *from = r->frame == id ? r->offset : 0;
    *to = r->frame == id ? (end < PAGE_SIZE ? end : PAGE_SIZE) : end - PAGE_SIZE;
}

/* Bytes [from, to) of a page as far as they are in granule g, a bit each. */
static inline u64 bytes_in(u32 g, u32 from, u32 to)
{
    u32 start = g << GRANULE_SHIFT, end = start + (1u << GRANULE_SHIFT);

    return (~0ull << (from > start ? from - start : 0)) & (~0ull >> (to < end ? end - to : 0));
}

/* An instruction that was decoded becomes the one of that number and place in its run. */
static inline void run_place(struct insn *in, unsigned index, unsigned offset)
{
    in->index_in_run = (u8)index;
    in->offset_in_run = (u16)offset;
    if (in->base == REG_NONE)
        in->base = GPR_COUNT; /* the register that is always zero */
    if (in->index == REG_NONE)
        in->index = GPR_COUNT;
}

/* run.c: the run at its place becomes known under `key`, by all its pages. */
void run_enlist(struct run_cache *rc, struct run *r, u64 key);
/* Frame `id` of it does not know it any more. */
void run_unlist(struct run_cache *rc, struct run *r, frame_id id);
/* None does, its watcher hears of it, and its room is free. */
void run_forget(struct run_cache *rc, struct run *r);

/* run_room.c */
bool run_room_open(struct run_cache *rc);
void run_room_close(struct run_cache *rc);
/* All of it, whatever it holds. */
void run_room_empty(struct run_cache *rc);
/* Move the run that was decoded at the arena's end to where it stays. */
struct run *run_keep(struct run_cache *rc, struct run *r);
/* To the dead ones of its kind. */
void run_bury(struct run_cache *rc, struct run *r);

/*
 * run_written.c: a run of a page that was overwritten since, if what was written is the like of it.
 */
struct run *run_find_former(struct run_cache *rc, u64 key);

#endif
