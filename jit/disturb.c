/*
 * Disturbances for tests: what the translator may do at any moment without the guest seeing it is
 * done at random moments.
 */
#include "jit/jit.h"

#include "jit/private.h"

enum { HEAT_MAX = 24, PAGES = 4 };

static void drop_block(void *opaque, struct run *r)
{
    struct jit *j = opaque;

    if (!r->block)
        return;
    jit_drop_blocks(j, r);
    r->heat = j->heat;
    j->changes++; /* it may be the current one */
}

static void kill(void *opaque, struct run *r)
{
    struct jit *j = opaque;

    run_kill(interp_runs(j->c), r);
}

void jit_disturb(struct cpu *c, enum jit_disturbance what, u64 seed)
{
    struct jit *j = c->engine_data;
    struct run_cache *rc = interp_runs(c);

    switch (what) {
    case DISTURB_FLUSH: run_cache_flush(rc); break;
    case DISTURB_BLOCKS: run_cache_visit_some(rc, seed, drop_block, j); break;
    case DISTURB_RUNS: run_cache_visit_some(rc, seed, kill, j); break;
    case DISTURB_TABLES: mmu_drop_some_entries(&c->mmu, 1 + (u32)(seed % PAGES), seed); break;
    case DISTURB_HEAT:
        if (j->heat) /* 0: this processor is interpreted */
            jit_set_heat(j, 1 + (u32)(seed % HEAT_MAX));
        break;
    case DISTURBANCES: break;
    }
}

void jit_disturb_often(struct cpu *c, u32 one_in, u64 seed)
{
    struct jit *j = c->engine_data;

    j->often.one_in = one_in;
    j->often.seed = seed * 2 + 1;
}

/* A generator of 64 bits (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"). */
static u64 next_random(u64 *seed)
{
    u64 v = *seed += 0x9E3779B97F4A7C15ull;

    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9ull;
    v = (v ^ v >> 27) * 0x94D049BB133111EBull;
    return v ^ v >> 31;
}

void jit_disturb_perhaps(struct jit *j)
{
    u64 r = next_random(&j->often.seed);

    if (r % j->often.one_in)
        return;
    r = next_random(&j->often.seed);
    jit_disturb(j->c, (enum jit_disturbance)(r >> 32) % DISTURBANCES, r);
}
