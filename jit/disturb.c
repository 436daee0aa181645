/*
 * Disturbances for tests: what the translator may do at any moment without the guest seeing it is
 * done at random moments.
 */
#include "jit/jit.h"

#include "jit/private.h"

static const u64 GOLDEN = 0x9E3779B97F4A7C15ull; /* 2^64 divided by the golden ratio */

enum { HEAT_MAX = 24, PAGES = 4, PIECES = 3 };

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

/* ---- Windows ---- */

/* Bit 32 and up of a seed: the classes that it is about. */
static bool is_about(u64 seed, int class)
{
    return seed >> (32 + class) & 1;
}

static void clear_windows(struct cpu *c, u64 seed)
{
    for (int i = 0; i < MMU_CLASSES; i++)
        if (is_about(seed, i))
            window_clear(&c->mmu.window[i]);
}

/* Paranoia stays. */
static void turn_windows(struct jit *j, u64 seed)
{
    if (j->windows.mode == WINDOWS_PARANOID)
        clear_windows(j->c, seed);
    else
        jit_windows_mode(j->c, seed & 1 ? WINDOWS_ALWAYS : seed & 2 ? WINDOWS_OFF : WINDOWS_AUTO);
}

struct giving_up {
    struct jit *j;
    u64 which;
};

static void give_up_sites(void *opaque, struct run *r)
{
    const struct giving_up *g = opaque;

    r->tables |= g->which;
    drop_block(g->j, r);
}

static void spend_faults(struct jit *j, u64 seed)
{
    for (int i = 0; i < MMU_CLASSES; i++)
        if (is_about(seed, i))
            j->windows.faults[i] = FAULTS_SPENT;
}

static void use_up_pieces(struct cpu *c, u64 seed)
{
    for (int i = 0; i < MMU_CLASSES; i++)
        if (is_about(seed, i) && c->mmu.window[i].on)
            c->mmu.window[i].pieces = WINDOW_PIECES_MAX - (u32)(seed % PIECES);
}

void jit_disturb(struct cpu *c, enum jit_disturbance what, u64 seed)
{
    struct jit *j = c->engine_data;
    struct run_cache *rc = interp_runs(c);
    struct giving_up sites = {j, seed * GOLDEN};

    switch (what) {
    case DISTURB_FLUSH: run_cache_flush(rc); break;
    case DISTURB_BLOCKS: run_cache_visit_some(rc, seed, drop_block, j); break;
    case DISTURB_RUNS: run_cache_visit_some(rc, seed, kill, j); break;
    case DISTURB_TABLES: mmu_drop_some_entries(&c->mmu, 1 + (u32)(seed % PAGES), seed); break;
    case DISTURB_HEAT:
        if (j->heat) /* 0: this processor is interpreted */
            jit_set_heat(j, 1 + (u32)(seed % HEAT_MAX));
        break;
    case DISTURB_WINDOWS: clear_windows(c, seed); break;
    case DISTURB_WINDOW_PAGES: mmu_hide_some_pages(&c->mmu, 1 + (u32)(seed % PAGES), seed); break;
    case DISTURB_WINDOW_USE: turn_windows(j, seed); break;
    case DISTURB_WINDOW_SITES: run_cache_visit_some(rc, seed, give_up_sites, &sites); break;
    case DISTURB_WINDOW_FAULTS: spend_faults(j, seed); break;
    case DISTURB_WINDOW_PIECES: use_up_pieces(c, seed); break;
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
    u64 v = *seed += GOLDEN;

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
