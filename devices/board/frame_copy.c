/* Frames of a moment; see frame_copy.h. */
#include "devices/board/frame_copy.h"

#include "base/bytes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LOCKED_MOST = 16 /* frames: for as long as they take to copy the guest may have to wait */ };

/* Copied before the guest wrote it. */
struct kept_frame {
    struct kept_frame *next;
    u8 bytes[FRAME_COPY_BYTES];
};

struct frame_copy {
    struct physmap *pm;
    u32 frames; /* numbers below this one */
    u32 count;

    /* Copied at once. */
    u8 *now;
    u32 now_count, now_read;

    struct physmap_keeper keeper;
    bool keeping;
    u32 later;
    u32 at; /* where the other thread is among those that are wanted */
    /* Guards what follows. */
    pthread_mutex_t lock;
    u64 *wanted; /* a bit for each frame that is still to be copied */
    struct kept_frame *kept;
    bool failed;
};

static u32 all_frames(const struct physmap *pm)
{
    struct physmap_block b = {.first = 0};

    for (unsigned i = 0; physmap_block(pm, i, &b); i++)
        ;
    return b.first + b.count;
}

struct frame_copy *frame_copy_new(struct physmap *pm)
{
    struct frame_copy *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->pm = pm;
    c->frames = all_frames(pm);
    c->wanted = calloc(c->frames / 64 + 1, sizeof *c->wanted);
    if (!c->wanted) {
        free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void frame_copy_free(struct frame_copy *c)
{
    if (!c)
        return;
    if (c->keeping)
        physmap_end_keep(c->pm, &c->keeper);
    for (struct kept_frame *k = c->kept, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    pthread_mutex_destroy(&c->lock);
    free(c->wanted);
    free(c->now);
    free(c);
}

void frame_copy_add(struct frame_copy *c, frame_id id)
{
    u64 bit = 1ull << id % 64;

    assert(id < c->frames);
    c->count += !(c->wanted[id / 64] & bit);
    c->wanted[id / 64] |= bit;
}

static bool take_wanted(struct frame_copy *c, frame_id id)
{
    u64 bit = 1ull << id % 64;

    if (!(c->wanted[id / 64] & bit))
        return false;
    c->wanted[id / 64] &= ~bit;
    return true;
}

static void copy_frame(const struct frame_copy *c, frame_id id, u8 *to)
{
    put_le32(to, id);
    memcpy(to + 4, frame_host(physmap_frame(c->pm, id)), PAGE_SIZE);
}

/* ---- The machine thread ---- */

static bool is_copied_now(const struct physmap_block *b, bool all)
{
    return all || (b->flags & FRAME_TRACK);
}

static u32 count_wanted(const struct frame_copy *c, const struct physmap_block *b)
{
    u32 n = 0;

    for (frame_id id = b->first; id < b->first + b->count; id++)
        n += c->wanted[id / 64] >> id % 64 & 1;
    return n;
}

static bool copy_now(struct frame_copy *c, bool all)
{
    struct physmap_block b;
    u32 n = 0;

    for (unsigned i = 0; physmap_block(c->pm, i, &b); i++)
        n += is_copied_now(&b, all) ? count_wanted(c, &b) : 0;
    c->now = malloc((size_t)n * FRAME_COPY_BYTES + 1);
    if (!c->now)
        return false;
    for (unsigned i = 0; physmap_block(c->pm, i, &b); i++)
        for (frame_id id = b.first; is_copied_now(&b, all) && id < b.first + b.count; id++)
            if (take_wanted(c, id))
                copy_frame(c, id, c->now + (size_t)c->now_count++ * FRAME_COPY_BYTES);
    return true;
}

/* A frame is about to be written. */
static void keep(void *opaque, frame_id id)
{
    struct frame_copy *c = opaque;
    struct kept_frame *k;

    pthread_mutex_lock(&c->lock);
    if (id < c->frames && take_wanted(c, id)) {
        k = malloc(sizeof *k);
        if (k) {
            copy_frame(c, id, k->bytes);
            k->next = c->kept;
            c->kept = k;
        }
        c->failed |= !k;
    }
    pthread_mutex_unlock(&c->lock);
}

bool frame_copy_begin(struct frame_copy *c, u32 at_once)
{
    if (!copy_now(c, c->count <= at_once))
        return false;
    c->later = c->count - c->now_count;
    if (!c->later)
        return true;
    c->keeper = (struct physmap_keeper){.keep = keep, .opaque = c};
    physmap_keep(c->pm, &c->keeper);
    c->keeping = true;
    return true;
}

u32 frame_copy_later(const struct frame_copy *c)
{
    return c->later;
}

/* ---- The other thread ---- */

static u32 read_now(struct frame_copy *c, u8 *out, u32 most)
{
    u32 n = (u32)min_u64(most, c->now_count - c->now_read);

    memcpy(out, c->now + (size_t)c->now_read * FRAME_COPY_BYTES, (size_t)n * FRAME_COPY_BYTES);
    c->now_read += n;
    return n;
}

static bool read_kept(struct frame_copy *c, u8 *out)
{
    struct kept_frame *k = c->kept;

    if (!k)
        return false;
    c->kept = k->next;
    memcpy(out, k->bytes, FRAME_COPY_BYTES);
    free(k);
    return true;
}

/* The next one that the guest has not come to. */
static bool read_wanted(struct frame_copy *c, u8 *out)
{
    while (c->at < c->frames) {
        if (!c->wanted[c->at / 64]) {
            c->at = (c->at / 64 + 1) * 64;
        } else if (take_wanted(c, c->at++)) {
            copy_frame(c, c->at - 1, out);
            return true;
        }
    }
    return false;
}

static u32 read_later(struct frame_copy *c, u8 *out, u32 most)
{
    u32 n = 0;

    pthread_mutex_lock(&c->lock);
    while (n < most && n < LOCKED_MOST &&
           (read_kept(c, out + (size_t)n * FRAME_COPY_BYTES) ||
            read_wanted(c, out + (size_t)n * FRAME_COPY_BYTES)))
        n++;
    pthread_mutex_unlock(&c->lock);
    return n;
}

u32 frame_copy_next(struct frame_copy *c, u8 *out, u32 most)
{
    u32 n = read_now(c, out, most), more;

    while (n < most && (more = read_later(c, out + (size_t)n * FRAME_COPY_BYTES, most - n)))
        n += more;
    return n;
}

bool frame_copy_is_whole(const struct frame_copy *c)
{
    return !c->failed;
}
