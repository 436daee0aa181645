/*
 * State checks; see state_check.h. The bytes, little endian:
 *
 *     memory: lo:u64 hi:u64
 *     sections:u16, of each name-length:u8 name hash:u64
 *     frames:u32, of each number:u32 hash:u16          in ascending order; FFFFFFFFh: too many
 */
#include "devices/board/state_check.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/state.h"
#include "devices/board/board.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LISTED_MAX = 100000,
    FRAME_BYTES = 6,
    NAME_BYTES = 64,
    /*
     * After so many checks that found it unchanged, a frame that was written is guarded again. Its
     * hash costs less than half a microsecond each time, seeing its next write FIRST_WRITE_NS.
     */
    OPEN_CHECKS = 12,
};

#define TOO_MANY 0xFFFFFFFFu

struct state_check {
    struct board *board;
    struct hash128 sum;
    struct hash128 *of_frame;
    u32 frames;   /* numbers below this one */
    u8 *open;     /* of each: checks for which its writes need not be seen */
    u64 *dirty;   /* a bit for each frame of the longest block */
    u64 *changed; /* and for every frame */
    u32 changed_count;
    u32 guarded;  /* frames whose next write will be seen, since the last check */
    bool started; /* all frames are known */
    bool first;   /* since the last check */
    u8 *out;
    size_t len, capacity;
};

static u32 all_frames(const struct physmap *pm, u32 *longest)
{
    struct physmap_block block;
    u32 end = 0;

    *longest = 0;
    for (unsigned i = 0; physmap_block(pm, i, &block); i++) {
        end = block.first + block.count;
        *longest = block.count > *longest ? block.count : *longest;
    }
    return end;
}

struct state_check *state_check_new(struct board *b)
{
    struct state_check *c = calloc(1, sizeof *c);
    u32 longest;

    if (!c)
        return NULL;
    c->board = b;
    c->frames = all_frames(b->pm, &longest);
    c->of_frame = calloc(c->frames, sizeof *c->of_frame);
    c->open = calloc(c->frames, sizeof *c->open);
    c->dirty = calloc(longest / 64 + 1, sizeof *c->dirty);
    c->changed = calloc(c->frames / 64 + 1, sizeof *c->changed);
    physmap_track(b->pm, DIRTY_CHECK, true);
    if (!c->of_frame || !c->open || !c->dirty || !c->changed) {
        state_check_free(c);
        return NULL;
    }
    memset(c->open, OPEN_CHECKS, c->frames);
    return c;
}

void state_check_free(struct state_check *c)
{
    if (!c)
        return;
    physmap_track(c->board->pm, DIRTY_CHECK, false);
    free(c->of_frame);
    free(c->open);
    free(c->dirty);
    free(c->changed);
    free(c->out);
    free(c);
}

/* ---- Bytes ---- */

static u8 *more(struct state_check *c, size_t len)
{
    if (c->capacity - c->len < len) {
        size_t capacity = (c->capacity + len) * 2;
        u8 *out = realloc(c->out, capacity);

        if (!out)
            return NULL;
        c->out = out;
        c->capacity = capacity;
    }
    c->len += len;
    return c->out + c->len - len;
}

/* ---- Memory ---- */

static struct hash128 frame_hash(frame_id id, const u8 *page)
{
    static const u8 zeros[PAGE_SIZE];

    if (!memcmp(page, zeros, PAGE_SIZE))
        return (struct hash128){0, 0};
    return hash128(id, page, PAGE_SIZE);
}

static void note_changed(struct state_check *c, frame_id id)
{
    u64 bit = 1ull << id % 64;

    c->changed_count += !(c->changed[id / 64] & bit);
    c->changed[id / 64] |= bit;
}

/* Its number and what tells its contents, to the end of the list. */
static bool list_frame(struct state_check *c, frame_id id, struct hash128 h, u32 *listed)
{
    u8 *p;

    if (++*listed > LISTED_MAX)
        return true;
    p = more(c, FRAME_BYTES);
    if (!p)
        return false;
    put_le32(p, id);
    put_le16(p + 4, (u16)h.lo);
    return true;
}

/* A frame that may have been written: its new hash into the sum and the list. */
static bool look_at_frame(struct state_check *c, frame_id id, u32 *listed)
{
    struct hash128 h = frame_hash(id, frame_host(physmap_frame(c->board->pm, id)));

    if (!c->started || !c->open[id]) {
        c->guarded++;
        c->open[id] = OPEN_CHECKS; /* from its next write on */
    } else {
        c->open[id]--;
    }
    if (hash128_equal(h, c->of_frame[id]))
        return true;
    c->open[id] = OPEN_CHECKS;
    note_changed(c, id);
    hash128_subtract(&c->sum, c->of_frame[id]);
    hash128_add(&c->sum, h);
    c->of_frame[id] = h;
    return list_frame(c, id, h, listed);
}

/* At first all frames that the host has given memory to; the others are zero. */
static void all_touched(struct state_check *c, unsigned index)
{
    for (u32 page = 0, count; physmap_next_touched(c->board->pm, index, &page, &count);)
        for (; count; count--, page++)
            c->dirty[page / 64] |= 1ull << page % 64;
}

static bool block_changed(struct state_check *c, unsigned index, const struct physmap_block *b,
                          u32 *listed)
{
    u32 words = b->count / 64 + 1;

    memset(c->dirty, 0, words * sizeof *c->dirty);
    if (!physmap_take_dirty_but(c->board->pm, DIRTY_CHECK, b->first, b->count, c->dirty,
                                c->started ? c->open + b->first : NULL))
        return true;
    if (!c->started) {
        memset(c->dirty, 0, words * sizeof *c->dirty);
        all_touched(c, index);
    }
    for (u32 w = 0; w < words; w++)
        for (u64 bits = c->dirty[w]; bits; bits &= bits - 1)
            if (!look_at_frame(c, b->first + w * 64 + (u32)__builtin_ctzll(bits), listed))
                return false;
    return true;
}

/* The list of frames, at the end of the bytes. */
static bool take_memory(struct state_check *c)
{
    size_t at = c->len;
    struct physmap_block block;
    u32 listed = 0;

    c->guarded = 0;
    if (!more(c, 4))
        return false;
    for (unsigned i = 0; physmap_block(c->board->pm, i, &block); i++)
        if (!(block.flags & FRAME_ROM) && !block_changed(c, i, &block, &listed))
            return false;
    c->first = !c->started;
    c->started = true;
    if (listed > LISTED_MAX)
        c->len = at + 4;
    put_le32(c->out + at, listed > LISTED_MAX ? TOO_MANY : listed);
    return true;
}

u32 state_check_changed(const struct state_check *c, frame_id *id)
{
    u64 bits;
    u32 w;

    if (!id)
        return c->changed_count;
    if (*id >= c->frames)
        return 0;
    w = *id / 64;
    for (bits = c->changed[w] & ~0ull << *id % 64; !bits; bits = c->changed[w])
        if (++w > c->frames / 64)
            return 0;
    *id = w * 64 + (u32)__builtin_ctzll(bits);
    return 1;
}

u32 state_check_guarded(const struct state_check *c)
{
    return c->guarded;
}

void state_check_forget_changed(struct state_check *c)
{
    memset(c->changed, 0, (c->frames / 64 + 1) * sizeof *c->changed);
    c->changed_count = 0;
}

/* ---- Everything else ---- */

/* One top-level section of a saved stream (base/state.c has the format); its size, 0 at the end. */
static size_t section_at(const u8 *p, size_t len, const u8 **name, u8 *name_len)
{
    size_t head;

    if (len < 2 || p[0] != 'S')
        return 0;
    *name_len = p[1];
    *name = p + 2;
    head = 2 + (size_t)p[1] + 4 + 8;
    return len < head ? 0 : head + (size_t)get_le64(p + head - 8);
}

static bool take_sections(struct state_check *c)
{
    struct state *s = state_new_save();
    size_t count_at = c->len, len, size;
    bool good = more(c, 2) != NULL;
    const u8 *data, *name;
    unsigned count = 0;
    u8 name_len;

    state_leave_out_memory(s);
    board_state(c->board, s);
    data = state_data(s, &len);
    for (; good && (size = section_at(data, len, &name, &name_len)); data += size, len -= size) {
        u8 *p = more(c, 1 + (size_t)name_len + 8);

        good = p != NULL;
        if (!p)
            break;
        p[0] = name_len;
        memcpy(p + 1, name, name_len);
        put_le64(p + 1 + name_len, hash128(0, data, size).lo);
        count++;
    }
    if (good)
        put_le16(c->out + count_at, (u16)count);
    state_free(s);
    return good;
}

const u8 *state_check_take(struct state_check *c, u32 *len)
{
    c->len = 0;
    if (!more(c, 16) || !take_sections(c) || !take_memory(c))
        return NULL;
    put_le64(c->out, c->sum.lo);
    put_le64(c->out + 8, c->sum.hi);
    *len = (u32)c->len;
    return c->out;
}

/* ---- Comparing ---- */

struct reader {
    const u8 *at, *end;
};

static const u8 *take(struct reader *r, size_t len)
{
    const u8 *p = r->at;

    if (len > (size_t)(r->end - r->at))
        return NULL;
    r->at += len;
    return p;
}

/* The next section; false at damage. */
static bool read_section(struct reader *r, char name[NAME_BYTES], u64 *hash)
{
    const u8 *len = take(r, 1), *text = len ? take(r, *len) : NULL, *h = text ? take(r, 8) : NULL;
    size_t n = h ? min_u64(*len, NAME_BYTES - 1) : 0;

    if (!h)
        return false;
    for (size_t i = 0; i < n; i++)
        name[i] = text[i] >= ' ' && text[i] < 127 ? (char)text[i] : '?';
    name[n] = 0;
    *hash = get_le64(h);
    return true;
}

static void add(char *what, size_t size, const char *prefix, const char *name)
{
    size_t n = strlen(what);

    snprintf(what + n, size - n, "%s%s%s", n ? ", " : "", prefix, name);
}

/* Names of sections that differ go to `what`; false at damage. */
static bool compare_sections(struct reader *now, struct reader *then, char *what, size_t size)
{
    const u8 *a = take(now, 2), *b = take(then, 2);
    unsigned count = a ? get_le16(a) : 0;
    char name[NAME_BYTES], other[NAME_BYTES];
    u64 x, y;

    if (!a || !b || get_le16(b) != count)
        return false;
    while (count--) {
        if (!read_section(now, name, &x) || !read_section(then, other, &y) || strcmp(name, other))
            return false;
        if (x != y)
            add(what, size, "", name);
    }
    return true;
}

/* The next of a list of frames; false at its end. */
static bool read_frame(struct reader *r, u32 *left, frame_id *id, u16 *hash)
{
    const u8 *p = *left ? take(r, FRAME_BYTES) : NULL;

    if (!p)
        return false;
    --*left;
    *id = get_le32(p);
    *hash = get_le16(p + 4);
    return true;
}

/*
 * The first frame that changed on one side only, or to something else; 0 if the lists do not tell.
 * A frame in their list that holds what it says here did not change there, or before our first
 * check.
 */
static frame_id find_frame(const struct state_check *c, struct reader *now, u32 now_left,
                           struct reader *then, u32 then_left)
{
    frame_id ours = 0, theirs = 0;
    u16 our_hash = 0, their_hash = 0;
    bool we = read_frame(now, &now_left, &ours, &our_hash),
         they = read_frame(then, &then_left, &theirs, &their_hash);

    while (we || they) {
        if (!they || (we && ours < theirs)) {
            if (!c->first)
                return ours;
            we = read_frame(now, &now_left, &ours, &our_hash);
            continue;
        }
        if (theirs >= c->frames || (u16)c->of_frame[theirs].lo != their_hash)
            return theirs;
        if (we && ours == theirs)
            we = read_frame(now, &now_left, &ours, &our_hash);
        they = read_frame(then, &then_left, &theirs, &their_hash);
    }
    return 0;
}

static void compare_frames(const struct state_check *c, struct reader *now, struct reader *then,
                           char *what, size_t size)
{
    const u8 *a = take(now, 4), *b = take(then, 4);
    u32 x = a ? get_le32(a) : TOO_MANY, y = b ? get_le32(b) : TOO_MANY;
    frame_id id = x == TOO_MANY || y == TOO_MANY ? 0 : find_frame(c, now, x, then, y);
    char text[80] = "memory";

    if (id)
        snprintf(text, sizeof text, "memory (frame %u)", id);
    add(what, size, text, "");
}

bool state_check_compare(struct state_check *c, const u8 *then, u32 len, char *what,
                         size_t what_size)
{
    u32 now_len;
    const u8 *taken = state_check_take(c, &now_len);
    struct reader now, other = {then, then + len};
    const u8 *a, *b;

    what[0] = 0;
    if (!taken) {
        snprintf(what, what_size, "the host has no memory to compare with");
        return false;
    }
    now = (struct reader){taken, taken + now_len};
    a = take(&now, 16);
    b = take(&other, 16);
    if (!b || !compare_sections(&now, &other, what, what_size)) {
        snprintf(what, what_size, "the check is damaged or of another machine");
        return false;
    }
    if (memcmp(a, b, 16))
        compare_frames(c, &now, &other, what, what_size);
    return !what[0];
}
