/*
 * Guest-physical memory; see physmap.h. Mappings are layers in the order they were made; the page
 * map below holds the topmost one for every page, so that a look-up is two loads.
 */
#define _GNU_SOURCE
#include "mmu/physmap.h"

#include "base/sparse.h"
#include "base/state.h"
#include "mmu/bus.h"
#include "mmu/page_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LEAF_SHIFT = 10, /* pages in a leaf of the page map: 4 MiB */
    LEAF_PAGES = 1 << LEAF_SHIFT,
    MAX_FRAMES = 1 << 21, /* 8 GiB of backing store */
    MAX_BLOCKS = 32,
    MAX_LAYERS = 512,
};

#define ROOT_ENTRIES (PHYS_LIMIT >> (PAGE_SHIFT + LEAF_SHIFT))

struct layer {
    u64 gpa, bytes;
    enum phys_kind kind;
    frame_id read_first, write_first;
    struct mmio_range mmio;
};

struct block {
    const char *name;
    frame_id first;
    u32 count;
    u8 *host;
    unsigned flags;
    int fd; /* the memfd behind it */
};

struct physmap {
    /* See physmap_watch_chips. */
    void (*chip_writes)(void *opaque, u64 gpa, const u8 *data, size_t len);
    void *chip_writes_opaque;
    struct page_book *chip_book; /* see physmap_book_chips */
    struct phys_page **root;
    size_t root_end; /* entries from here on were never used */
    struct frame *frames;
    u32 frame_count; /* frame 0 included */
    struct block blocks[MAX_BLOCKS];
    unsigned block_count;
    struct layer *layers[MAX_LAYERS]; /* lowest first */
    unsigned layer_count;
    u64 a20_mask;
    bool a20;
    unsigned tracking; /* enum dirty_user without the display */
    struct physmap_listener *listeners;
    struct physmap_keeper *keepers;
};

static const struct phys_page nothing = {.kind = PHYS_NONE};

struct physmap *physmap_new(void)
{
    struct physmap *pm = calloc(1, sizeof *pm);

    if (!pm)
        return NULL;
    pm->root = sparse_new(ROOT_ENTRIES * sizeof *pm->root, SPARSE_ANYHOW);
    pm->frames = sparse_new((size_t)MAX_FRAMES * sizeof *pm->frames, SPARSE_ANYHOW);
    pm->frame_count = 1;
    pm->a20 = true;
    pm->a20_mask = ~0ull;
    if (!pm->root || !pm->frames) {
        physmap_free(pm);
        return NULL;
    }
    return pm;
}

void physmap_free(struct physmap *pm)
{
    if (!pm)
        return;
    for (unsigned i = 0; i < pm->block_count; i++) {
        munmap(pm->blocks[i].host, (size_t)pm->blocks[i].count * PAGE_SIZE);
        close(pm->blocks[i].fd);
    }
    for (unsigned i = 0; i < pm->layer_count; i++)
        free(pm->layers[i]);
    for (size_t i = 0; pm->root && i < pm->root_end; i++)
        free(pm->root[i]);
    sparse_free(pm->root, ROOT_ENTRIES * sizeof *pm->root);
    sparse_free(pm->frames, (size_t)MAX_FRAMES * sizeof *pm->frames);
    free(pm);
}

void physmap_listen(struct physmap *pm, struct physmap_listener *l)
{
    l->next = pm->listeners;
    pm->listeners = l;
}

void physmap_unlisten(struct physmap *pm, struct physmap_listener *l)
{
    struct physmap_listener **p = &pm->listeners;

    while (*p && *p != l)
        p = &(*p)->next;
    if (*p)
        *p = l->next;
}

static void tell_remapped(struct physmap *pm)
{
    for (struct physmap_listener *l = pm->listeners; l; l = l->next)
        l->remapped(l->opaque);
}

frame_id physmap_new_frames(struct physmap *pm, const char *name, size_t bytes, unsigned flags)
{
    u32 count = (u32)(bytes >> PAGE_SHIFT);
    struct block *b = &pm->blocks[pm->block_count];
    int fd;

    assert(bytes && !(bytes & PAGE_MASK) && pm->block_count < MAX_BLOCKS);
    if (count > MAX_FRAMES - pm->frame_count)
        return 0;
    fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    if (ftruncate(fd, (off_t)bytes) < 0) {
        close(fd);
        return 0;
    }
    b->host = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (b->host == MAP_FAILED) {
        close(fd);
        return 0;
    }
    b->fd = fd;
    madvise(b->host, bytes, MADV_DONTDUMP);
    b->name = name;
    b->first = pm->frame_count;
    b->count = count;
    b->flags = flags;
    for (u32 i = 0; i < count; i++)
        pm->frames[b->first + i] = (struct frame){
            .host = b->host + (size_t)i * PAGE_SIZE,
            .flags = (u16)flags,
            .writer = FRAME_NO_WRITER,
        };
    pm->frame_count += count;
    pm->block_count++;
    return b->first;
}

bool physmap_block(const struct physmap *pm, unsigned index, struct physmap_block *out)
{
    const struct block *b = &pm->blocks[index];

    if (index >= pm->block_count)
        return false;
    *out = (struct physmap_block){
        .name = b->name, .first = b->first, .count = b->count, .flags = b->flags};
    return true;
}

struct frame *physmap_frame(struct physmap *pm, frame_id id)
{
    return &pm->frames[id];
}

bool physmap_map_at(const struct physmap *pm, frame_id first, u32 count, void *at, bool writable)
{
    for (unsigned i = 0; i < pm->block_count; i++) {
        const struct block *b = &pm->blocks[i];
        off_t offset = (off_t)(first - b->first) * PAGE_SIZE;

        if (first < b->first || first + count > b->first + b->count)
            continue;
        return mmap(at, (size_t)count * PAGE_SIZE, PROT_READ | (writable ? PROT_WRITE : 0),
                    MAP_SHARED | MAP_FIXED, b->fd, offset) == at;
    }
    return false;
}

/* ---- The map ---- */

static struct phys_page layer_page(const struct layer *l, u64 gpa)
{
    u32 n = (u32)((gpa - l->gpa) >> PAGE_SHIFT);

    return (struct phys_page){
        .kind = (u8)l->kind,
        .frame = l->read_first ? l->read_first + n : 0,
        .write_frame = l->write_first ? l->write_first + n : 0,
        .mmio = l->kind == PHYS_MMIO ? &l->mmio : NULL,
    };
}

static struct phys_page *page_slot(struct physmap *pm, u64 gpa)
{
    size_t n = gpa >> (PAGE_SHIFT + LEAF_SHIFT);
    struct phys_page **leaf = &pm->root[n];

    if (!*leaf) {
        pm->root_end = pm->root_end > n ? pm->root_end : n + 1;
        *leaf = calloc(LEAF_PAGES, sizeof **leaf);
        assert(*leaf); /* a few KiB at start-up or on a BAR move */
    }
    return &(*leaf)[gpa >> PAGE_SHIFT & (LEAF_PAGES - 1)];
}

/* The topmost layer at `gpa`, or NULL; *end comes down to where another one begins to be that. */
static const struct layer *top_layer(const struct physmap *pm, u64 gpa, u64 *end)
{
    for (unsigned i = pm->layer_count; i-- > 0;) {
        const struct layer *l = pm->layers[i];

        if (l->gpa > gpa) {
            *end = min_u64(*end, l->gpa);
        } else if (gpa - l->gpa < l->bytes) {
            *end = min_u64(*end, l->gpa + l->bytes);
            return l;
        }
    }
    return NULL;
}

/* Give pages [gpa, end) to a layer; true if one of them was plain memory and is another now. */
static bool paint(struct physmap *pm, const struct layer *l, u64 gpa, u64 end)
{
    bool changed = false;

    for (; gpa < end; gpa += PAGE_SIZE) {
        struct phys_page now = l ? layer_page(l, gpa) : nothing, *slot = page_slot(pm, gpa);

        changed |= slot->kind == PHYS_RAM && (now.kind != PHYS_RAM || slot->frame != now.frame ||
                                              slot->write_frame != now.write_frame);
        *slot = now;
    }
    return changed;
}

/*
 * Recompute the pages of a range, stretch by stretch: guests can move large BARs as often as they
 * like. Only a page that was plain memory can be known to a processor's tables, so others change
 * without telling anybody.
 */
static void repaint(struct physmap *pm, u64 gpa, u64 bytes)
{
    u64 last = gpa + bytes;
    bool tell = false;

    for (u64 end; gpa < last; gpa = end) {
        const struct layer *l;

        end = last;
        l = top_layer(pm, gpa, &end);
        tell |= paint(pm, l, gpa, end);
    }
    if (tell)
        tell_remapped(pm);
}

static void add_layer(struct physmap *pm, struct layer what)
{
    struct layer *l = malloc(sizeof *l);

    assert(l && pm->layer_count < MAX_LAYERS);
    assert(!(what.gpa & PAGE_MASK) && what.bytes && !(what.bytes & PAGE_MASK));
    assert(what.gpa < PHYS_LIMIT && what.bytes <= PHYS_LIMIT - what.gpa);
    *l = what;
    pm->layers[pm->layer_count++] = l;
    repaint(pm, l->gpa, l->bytes);
}

void physmap_map_frames(struct physmap *pm, u64 gpa, size_t bytes, frame_id first, bool writable)
{
    physmap_map_split(pm, gpa, bytes, first, writable ? first : 0);
}

void physmap_map_split(struct physmap *pm, u64 gpa, size_t bytes, frame_id read_first,
                       frame_id write_first)
{
    add_layer(pm, (struct layer){.gpa = gpa,
                                 .bytes = bytes,
                                 .kind = PHYS_RAM,
                                 .read_first = read_first,
                                 .write_first = write_first});
}

void physmap_map_mmio(struct physmap *pm, u64 gpa, u64 bytes, const struct mmio_ops *ops,
                      void *opaque)
{
    add_layer(pm, (struct layer){.gpa = gpa,
                                 .bytes = bytes,
                                 .kind = PHYS_MMIO,
                                 .mmio = {.ops = ops, .opaque = opaque, .gpa = gpa}});
}

void physmap_map_nothing(struct physmap *pm, u64 gpa, u64 bytes)
{
    add_layer(pm, (struct layer){.gpa = gpa, .bytes = bytes, .kind = PHYS_NONE});
}

/* Take layer i out. */
static void drop_layer(struct physmap *pm, unsigned i)
{
    struct layer *l = pm->layers[i];

    memmove(&pm->layers[i], &pm->layers[i + 1], (pm->layer_count - i - 1) * sizeof pm->layers[0]);
    pm->layer_count--;
    repaint(pm, l->gpa, l->bytes);
    free(l);
}

/* The topmost layer of exactly this range that `same` accepts. */
static bool unmap_if(struct physmap *pm, const struct layer *what,
                     bool (*same)(const struct layer *l, const struct layer *what))
{
    for (unsigned i = pm->layer_count; i-- > 0;) {
        const struct layer *l = pm->layers[i];

        if (l->gpa == what->gpa && l->bytes == what->bytes && same(l, what)) {
            drop_layer(pm, i);
            return true;
        }
    }
    return false;
}

static bool same_range(const struct layer *l, const struct layer *what)
{
    return true;
}

static bool same_chip(const struct layer *l, const struct layer *what)
{
    return l->kind == PHYS_MMIO && l->mmio.ops == what->mmio.ops &&
           l->mmio.opaque == what->mmio.opaque;
}

static bool same_frames(const struct layer *l, const struct layer *what)
{
    return l->kind == PHYS_RAM && l->read_first == what->read_first;
}

bool physmap_unmap(struct physmap *pm, u64 gpa, u64 bytes)
{
    return unmap_if(pm, &(struct layer){.gpa = gpa, .bytes = bytes}, same_range);
}

bool physmap_unmap_mmio(struct physmap *pm, u64 gpa, u64 bytes, const struct mmio_ops *ops,
                        void *opaque)
{
    struct layer what = {.gpa = gpa, .bytes = bytes, .mmio = {.ops = ops, .opaque = opaque}};

    return unmap_if(pm, &what, same_chip);
}

bool physmap_unmap_frames(struct physmap *pm, u64 gpa, u64 bytes, frame_id first)
{
    struct layer what = {.gpa = gpa, .bytes = bytes, .read_first = first};

    return unmap_if(pm, &what, same_frames);
}

void physmap_set_a20(struct physmap *pm, bool enabled)
{
    if (pm->a20 == enabled)
        return;
    pm->a20 = enabled;
    pm->a20_mask = enabled ? ~0ull : ~(1ull << 20);
    tell_remapped(pm);
}

bool physmap_a20(const struct physmap *pm)
{
    return pm->a20;
}

const struct phys_page *physmap_page(struct physmap *pm, u64 gpa)
{
    const struct phys_page *leaf;

    gpa &= pm->a20_mask;
    if (gpa >= PHYS_LIMIT)
        return &nothing;
    leaf = pm->root[gpa >> (PAGE_SHIFT + LEAF_SHIFT)];
    return leaf ? &leaf[gpa >> PAGE_SHIFT & (LEAF_PAGES - 1)] : &nothing;
}

/* ---- Bookkeeping of code and dirty pages ---- */

static u64 granules(u32 offset, u32 len)
{
    unsigned first = offset >> GRANULE_SHIFT, last = (offset + len - 1) >> GRANULE_SHIFT;

    return (~0ull << first) & (~0ull >> (63 - last));
}

void physmap_frame_written(struct physmap *pm, frame_id id, u32 offset, u32 len)
{
    struct frame *f = &pm->frames[id];

    f->flags |= FRAME_DIRTY_ALL;
    if (f->code_mask & granules(offset, len))
        for (struct physmap_listener *l = pm->listeners; l; l = l->next)
            l->code_written(l->opaque, id, offset, len);
}

void physmap_protect_frame(struct physmap *pm, frame_id id)
{
    for (struct physmap_listener *l = pm->listeners; l; l = l->next)
        l->protect_frame(l->opaque, id);
}

void physmap_mark_code(struct physmap *pm, frame_id id, u32 offset, u32 len)
{
    struct frame *f = &pm->frames[id];

    if (!f->code_mask)
        physmap_protect_frame(pm, id);
    f->code_mask |= granules(offset, len);
}

void physmap_clear_code(struct physmap *pm, frame_id id)
{
    pm->frames[id].code_mask = 0;
}

/* ---- Keeping what frames hold ---- */

void physmap_keep(struct physmap *pm, struct physmap_keeper *k)
{
    k->next = pm->keepers;
    pm->keepers = k;
    for (unsigned n = 0; n < pm->block_count; n++) {
        const struct block *b = &pm->blocks[n];

        for (u32 i = 0; i < b->count && !(b->flags & FRAME_TRACK); i++)
            pm->frames[b->first + i].flags |= FRAME_KEPT;
    }
    tell_remapped(pm);
}

void physmap_end_keep(struct physmap *pm, struct physmap_keeper *k)
{
    struct physmap_keeper **p = &pm->keepers;

    while (*p && *p != k)
        p = &(*p)->next;
    if (*p)
        *p = k->next;
}

void physmap_make_writable(struct physmap *pm, frame_id id)
{
    struct frame *f = &pm->frames[id];

    if (likely(!(f->flags & FRAME_KEPT)))
        return;
    for (struct physmap_keeper *k = pm->keepers; k; k = k->next)
        k->keep(k->opaque, id);
    f->flags &= (u16)~FRAME_KEPT;
}

bool physmap_adopt(struct physmap *pm, unsigned index, int fd)
{
    struct block *b = &pm->blocks[index];
    size_t bytes = (size_t)b->count * PAGE_SIZE;

    if (mmap(b->host, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd,
             0) == MAP_FAILED)
        return false;
    madvise(b->host, bytes, MADV_DONTDUMP);
    close(b->fd);
    b->fd = fd;
    for (u32 i = 0; i < b->count; i++)
        physmap_frame_written(pm, b->first + i, 0, PAGE_SIZE);
    tell_remapped(pm);
    return true;
}

/* ---- Access by chips and slow paths ---- */

static u64 mmio_load(const struct mmio_range *r, u64 gpa, unsigned size)
{
    unsigned step = r->ops->width;
    u64 value = 0;

    if (size <= step && !(gpa & (size - 1)))
        return r->ops->read(r->opaque, gpa - r->gpa, size);
    /* Wider than the chip takes, or misaligned: in the largest aligned pieces. */
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = step;
        while (piece > 1 && ((gpa + done) & (piece - 1) || piece > size - done))
            piece /= 2;
        value |= r->ops->read(r->opaque, gpa + done - r->gpa, piece) << done * 8;
    }
    return value;
}

static void mmio_store(const struct mmio_range *r, u64 gpa, u64 value, unsigned size)
{
    unsigned step = r->ops->width;

    if (size <= step && !(gpa & (size - 1))) {
        r->ops->write(r->opaque, gpa - r->gpa, value, size);
        return;
    }
    for (unsigned done = 0, piece; done < size; done += piece) {
        piece = step;
        while (piece > 1 && ((gpa + done) & (piece - 1) || piece > size - done))
            piece /= 2;
        u64 part = value >> done * 8;
        r->ops->write(r->opaque, gpa + done - r->gpa,
                      piece == 8 ? part : part & ((1ull << piece * 8) - 1), piece);
    }
}

u64 physmap_load(struct physmap *pm, u64 gpa, unsigned size)
{
    const struct phys_page *p = physmap_page(pm, gpa);
    u64 value = ~0ull;

    if (p->kind == PHYS_MMIO)
        value = mmio_load(p->mmio, gpa & pm->a20_mask, size);
    else if (p->kind == PHYS_RAM && p->frame) {
        value = 0;
        memcpy(&value, pm->frames[p->frame].host + (gpa & PAGE_MASK), size);
        return value;
    }
    return size == 8 ? value : value & ((1ull << size * 8) - 1);
}

void physmap_store(struct physmap *pm, u64 gpa, u64 value, unsigned size)
{
    const struct phys_page *p = physmap_page(pm, gpa);

    if (p->kind == PHYS_MMIO) {
        mmio_store(p->mmio, gpa & pm->a20_mask, value, size);
    } else if (p->kind == PHYS_RAM && p->write_frame) {
        frame_id id = p->write_frame;

        physmap_make_writable(pm, id);
        memcpy(pm->frames[id].host + (gpa & PAGE_MASK), &value, size);
        physmap_frame_written(pm, id, gpa & PAGE_MASK, size);
    }
}

static size_t page_rest(u64 gpa, size_t len)
{
    size_t rest = PAGE_SIZE - (gpa & PAGE_MASK);

    return len < rest ? len : rest;
}

static void mmio_read_bytes(const struct mmio_range *r, u64 gpa, u8 *data, size_t len)
{
    for (size_t i = 0, piece; i < len; i += piece) {
        u64 v;

        piece = !((gpa + i) & 3) && len - i >= 4 ? 4 : 1;
        v = mmio_load(r, gpa + i, (unsigned)piece);
        memcpy(data + i, &v, piece);
    }
}

static void mmio_write_bytes(const struct mmio_range *r, u64 gpa, const u8 *data, size_t len)
{
    for (size_t i = 0, piece; i < len; i += piece) {
        u64 v = 0;

        piece = !((gpa + i) & 3) && len - i >= 4 ? 4 : 1;
        memcpy(&v, data + i, piece);
        mmio_store(r, gpa + i, v, (unsigned)piece);
    }
}

void physmap_read(struct physmap *pm, u64 gpa, void *data, size_t len)
{
    u8 *out = data;

    for (size_t n; len; gpa += n, out += n, len -= n) {
        const struct phys_page *p = physmap_page(pm, gpa);

        n = page_rest(gpa, len);
        if (p->kind == PHYS_RAM && p->frame)
            memcpy(out, pm->frames[p->frame].host + (gpa & PAGE_MASK), n);
        else if (p->kind == PHYS_MMIO)
            mmio_read_bytes(p->mmio, gpa & pm->a20_mask, out, n);
        else
            memset(out, 0xFF, n);
    }
}

static void store_frame(struct physmap *pm, frame_id id, u64 gpa, const u8 *data, size_t n)
{
    physmap_make_writable(pm, id);
    memcpy(pm->frames[id].host + (gpa & PAGE_MASK), data, n);
    physmap_frame_written(pm, id, gpa & PAGE_MASK, (u32)n);
}

void physmap_write(struct physmap *pm, u64 gpa, const void *data, size_t len)
{
    const u8 *in = data;

    for (size_t n; len; gpa += n, in += n, len -= n) {
        const struct phys_page *p = physmap_page(pm, gpa);

        n = page_rest(gpa, len);
        if (p->kind == PHYS_RAM && p->write_frame) {
            if (pm->chip_book)
                page_book_note(pm->chip_book, gpa);
            if (unlikely(pm->chip_writes != NULL))
                pm->chip_writes(pm->chip_writes_opaque, gpa, in, n);
            store_frame(pm, p->write_frame, gpa, in, n);
        } else if (p->kind == PHYS_MMIO) {
            mmio_write_bytes(p->mmio, gpa & pm->a20_mask, in, n);
        }
    }
}

void physmap_watch_chips(struct physmap *pm,
                         void (*writes)(void *opaque, u64 gpa, const u8 *data, size_t len),
                         void *opaque)
{
    pm->chip_writes = writes;
    pm->chip_writes_opaque = opaque;
}

void physmap_book_chips(struct physmap *pm, struct page_book *b)
{
    pm->chip_book = b;
}

size_t physmap_debug_read(struct physmap *pm, u64 gpa, void *data, size_t len)
{
    u8 *out = data;
    size_t plain = 0;

    for (size_t n; len; gpa += n, out += n, len -= n) {
        const struct phys_page *p = physmap_page(pm, gpa);

        n = page_rest(gpa, len);
        if (p->kind == PHYS_RAM && p->frame) {
            memcpy(out, pm->frames[p->frame].host + (gpa & PAGE_MASK), n);
            plain += n;
        } else {
            memset(out, 0xFF, n);
        }
    }
    return plain;
}

size_t physmap_debug_write(struct physmap *pm, u64 gpa, const void *data, size_t len)
{
    const u8 *in = data;
    size_t plain = 0;

    for (size_t n; len; gpa += n, in += n, len -= n) {
        const struct phys_page *p = physmap_page(pm, gpa);
        frame_id id = p->write_frame ? p->write_frame : p->frame; /* a debugger patches ROM too */

        n = page_rest(gpa, len);
        if (p->kind == PHYS_RAM && id) {
            store_frame(pm, id, gpa, in, n);
            plain += n;
        }
    }
    return plain;
}

/* ---- Video memory and other blocks with dirty bits ---- */

void physmap_track(struct physmap *pm, enum dirty_user user, bool on)
{
    pm->tracking = on ? pm->tracking | user : pm->tracking & ~(unsigned)user;
    for (unsigned n = 0; n < pm->block_count; n++) {
        const struct block *b = &pm->blocks[n];

        for (u32 i = 0; i < b->count && !(b->flags & FRAME_ROM); i++) {
            struct frame *f = &pm->frames[b->first + i];

            /* Write entries made so far must be those of dirty frames, for everybody. */
            f->flags |= FRAME_DIRTY_ALL;
            if (pm->tracking)
                f->flags |= FRAME_TRACK;
            else if (!(b->flags & FRAME_TRACK))
                f->flags &= (u16)~FRAME_TRACK;
        }
    }
}

bool physmap_take_dirty_but(struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                            u64 *bits, const u8 *stays)
{
    bool any = false;

    for (u32 i = 0; i < count; i++) {
        if (!(pm->frames[first + i].flags & user))
            continue;
        bits[i / 64] |= 1ull << (i % 64);
        any = true;
        if (!stays || !stays[i])
            physmap_clean(pm, user, first + i);
    }
    return any;
}

bool physmap_take_dirty(struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                        u64 *bits)
{
    return physmap_take_dirty_but(pm, user, first, count, bits, NULL);
}

void physmap_see_dirty(const struct physmap *pm, enum dirty_user user, frame_id first, u32 count,
                       u64 *bits)
{
    for (u32 i = 0; i < count; i++)
        if (pm->frames[first + i].flags & user)
            bits[i / 64] |= 1ull << (i % 64);
}

void physmap_clean(struct physmap *pm, enum dirty_user user, frame_id id)
{
    struct frame *f = &pm->frames[id];

    f->flags &= (u16)~user;
    if (f->writer != FRAME_NO_WRITER)
        physmap_protect_frame(pm, id);
}

/* ---- State ---- */

static bool is_zero_page(const u8 *p)
{
    u64 any = 0;

    for (size_t i = 0; i < PAGE_SIZE; i += 8) {
        u64 v;

        memcpy(&v, p + i, 8);
        any |= v;
    }
    return !any;
}

bool physmap_next_touched(const struct physmap *pm, unsigned index, u32 *page, u32 *count)
{
    const struct block *b = &pm->blocks[index];
    off_t start, end;

    if (*page >= b->count)
        return false;
    /* memfds keep no pages for holes; on a kernel that cannot tell, all is data. */
    start = lseek(b->fd, (off_t)*page * PAGE_SIZE, SEEK_DATA);
    if (start < 0 && errno == ENXIO)
        return false;
    start = start < 0 ? (off_t)*page * PAGE_SIZE : start;
    end = lseek(b->fd, start, SEEK_HOLE);
    end = end < 0 ? (off_t)b->count * PAGE_SIZE : end;
    *page = (u32)(start / PAGE_SIZE);
    *count = (u32)((end + PAGE_SIZE - 1) / PAGE_SIZE) - *page;
    return true;
}

void physmap_load_frame(struct physmap *pm, frame_id id, const u8 *page)
{
    struct frame *f = &pm->frames[id];

    f->flags |= FRAME_DIRTY;
    if (page ? !memcmp(f->host, page, PAGE_SIZE) : is_zero_page(f->host))
        return;
    physmap_make_writable(pm, id);
    if (page)
        memcpy(f->host, page, PAGE_SIZE);
    else
        memset(f->host, 0, PAGE_SIZE);
    physmap_frame_written(pm, id, 0, PAGE_SIZE);
}

static void block_state(struct physmap *pm, struct block *b, struct state *s)
{
    u32 count = b->count;

    state_begin(s, b->name, 1);
    state_u32(s, "pages", &count);
    state_require(s, count == b->count, "memory: the snapshot has another amount of it");
    for (u32 i = 0; state_has_memory(s) && i < b->count && !state_error(s); i++) {
        u8 *host = pm->frames[b->first + i].host;
        bool zero = !state_is_loading(s) && is_zero_page(host);

        state_bool(s, "zero", &zero);
        if (state_is_loading(s))
            physmap_make_writable(pm, b->first + i);
        if (!zero)
            state_bytes(s, "page", host, PAGE_SIZE);
        else if (state_is_loading(s))
            memset(host, 0, PAGE_SIZE);
        if (state_is_loading(s)) {
            pm->frames[b->first + i].flags |= FRAME_DIRTY_ALL;
            if (pm->frames[b->first + i].code_mask)
                physmap_frame_written(pm, b->first + i, 0, PAGE_SIZE);
        }
    }
    state_end(s);
}

void physmap_state(struct physmap *pm, struct state *s)
{
    bool a20 = pm->a20;

    state_begin(s, state_has_memory(s) ? "memory" : "memory map", 1);
    state_bool(s, "a20", &a20);
    for (unsigned i = 0; i < pm->block_count && !state_error(s); i++)
        if (!(pm->blocks[i].flags & FRAME_ROM))
            block_state(pm, &pm->blocks[i], s);
    state_end(s);
    if (state_is_loading(s) && !state_error(s))
        physmap_set_a20(pm, a20);
}
