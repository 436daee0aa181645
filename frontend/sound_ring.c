/*
 * Sound from virtual to real time. The two clocks differ: slightly where the machine keeps up with
 * the wall clock, as it comes in bursts; much where it cannot or where it runs free. What is in
 * hand tells which. Around the target sound is played as it is; far below it is stretched, which
 * lowers it as a record player that turns too slowly does, and far above it is shortened; beyond
 * all measure it is skipped. What runs dry fades out and gathers anew.
 */
#include "frontend/sound_ring.h"

#include "base/clock.h"
#include "devices/host/sound.h"

#include <string.h>

enum {
    ONE = 1 << 16, /* a frame in fractions */
    LEVEL_ONE = 16,
    SLOWEST = ONE / 4,
    LOW = RING_TARGET / 2,
    HIGH = RING_TARGET * 2,
    FASTEST = ONE + ONE / 4,
    ENDED = 2,      /* pulls with nothing new */
    FADE_SHIFT = 6, /* by a 64th each sample */
    /* Chips write in bursts whose times jitter; what is nearer than this follows on seamlessly. */
    GAP_MIN = SOUND_HZ / 100,
    /* Longer pauses have run dry anyway. */
    GAP_MAX = RING_LIMIT,
};

void sound_ring_init(struct sound_ring *r)
{
    memset(r, 0, sizeof *r);
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
}

/* ---- The pusher ---- */

static void put(struct sound_ring *r, const s16 *samples, size_t frames)
{
    u32 head = atomic_load_explicit(&r->head, memory_order_relaxed);
    u32 fill = head - atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t i;

    for (i = 0; i < frames && fill + i < RING_FRAMES; i++, head++)
        memcpy(r->data[head % RING_FRAMES], samples ? samples + 2 * i : (const s16[2]){0, 0},
               sizeof r->data[0]);
    atomic_store_explicit(&r->head, head, memory_order_release);
}

/* A pause of the guest that is shorter than what is still to be played must be heard as one. */
static void put_gap(struct sound_ring *r, u64 at_ns)
{
    u64 gap;

    if (!r->any || at_ns <= r->end_ns)
        return;
    gap = muldiv_u64(min_u64(at_ns - r->end_ns, NS_PER_SEC), SOUND_HZ, NS_PER_SEC);
    if (gap >= GAP_MIN && gap < GAP_MAX)
        put(r, NULL, (size_t)gap);
}

void sound_ring_push(struct sound_ring *r, const s16 *samples, size_t frames, u64 at_ns)
{
    put_gap(r, at_ns);
    put(r, samples, frames);
    r->any = true;
    r->end_ns = at_ns + muldiv_u64(frames, NS_PER_SEC, SOUND_HZ);
}

bool sound_ring_has_data(struct sound_ring *r)
{
    return atomic_load(&r->head) != atomic_load(&r->tail);
}

/* ---- The puller ---- */

/* Input frames for one of output, by what is in hand. */
static u32 step_for(const struct sound_ring *r)
{
    u32 level = r->level / LEVEL_ONE;

    if (r->idle >= ENDED)
        return ONE; /* this is the end of a sound, not a slow machine */
    if (level < LOW)
        return SLOWEST + (ONE - SLOWEST) / LOW * level;
    if (level > HIGH)
        return (u32)min_u64(FASTEST, ONE + (level - HIGH) * 8);
    return ONE;
}

/* Start when enough is in hand, or when nothing more seems to come: a short beep. */
static bool may_start(struct sound_ring *r, u32 fill)
{
    if (fill < RING_TARGET && !(fill > 1 && r->idle))
        return false;
    r->level = RING_TARGET * LEVEL_ONE;
    r->fraction = 0;
    return true;
}

static s16 blend(s16 a, s16 b, u32 fraction)
{
    return (s16)(a + (s32)(((s64)(b - a) * fraction) >> 16));
}

/* From `tail` on; returns how many frames of `out` are filled before the ring runs dry. */
static size_t play(struct sound_ring *r, s16 *out, size_t frames, u32 *tail, u32 head)
{
    u32 step = step_for(r);
    size_t n;

    for (n = 0; n < frames && head - *tail > 1; n++) {
        const s16 *a = r->data[*tail % RING_FRAMES], *b = r->data[(*tail + 1) % RING_FRAMES];

        r->last[0] = out[2 * n] = blend(a[0], b[0], r->fraction);
        r->last[1] = out[2 * n + 1] = blend(a[1], b[1], r->fraction);
        r->fraction += step;
        *tail += (u32)min_u64(r->fraction >> 16, head - *tail - 1);
        r->fraction &= ONE - 1;
    }
    return n;
}

/* Silence, reached without a click. */
static void fade(struct sound_ring *r, s16 *out, size_t frames)
{
    size_t i, side;

    for (i = 0; i < frames; i++)
        for (side = 0; side < 2; side++) {
            s16 *last = &r->last[side];

            *last = (s16)(*last - *last / (1 << FADE_SHIFT) - (*last > 0) + (*last < 0));
            out[2 * i + side] = *last;
        }
}

void sound_ring_pull(struct sound_ring *r, s16 *out, size_t frames)
{
    u32 head = atomic_load_explicit(&r->head, memory_order_acquire);
    u32 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    u32 fill = head - tail;
    size_t n = 0;

    r->idle = head == r->seen ? r->idle + 1 : 0;
    r->seen = head;
    if (fill > RING_LIMIT) {
        tail = head - RING_TARGET;
        fill = RING_TARGET;
        r->level = fill * LEVEL_ONE;
    }
    if (!r->playing)
        r->playing = may_start(r, fill);
    if (r->playing) {
        r->level = (r->level * 3 + fill * LEVEL_ONE) / 4;
        n = play(r, out, frames, &tail, head);
        if (n < frames) {
            r->playing = false;
            tail = head;
        }
    }
    fade(r, out + 2 * n, frames - n);
    atomic_store_explicit(&r->tail, tail, memory_order_release);
}
