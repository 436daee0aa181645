/*
 * Guest memory in a snapshot; see snapmem.h. In the section "memory" every page of every block has
 * a number: 0 is a page of zeros, n the n-th page of the sections "pages". Equal pages have the
 * same number.
 */
#define _GNU_SOURCE
#include "devices/board/snapmem.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/sparse.h"
#include "base/state.h"
#include "devices/board/snapfile.h"
#include "mmu/physmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MAX = 32, NAME_BYTES = 32 };

struct block {
    char name[NAME_BYTES]; /* padded with zeros */
    frame_id first;
    u32 pages;
    u32 *number; /* of each page: 0 is zeros */
};

struct snapmem {
    struct block block[BLOCKS_MAX];
    u32 block_count;
    u64 pages; /* in all blocks */
    u8 *data;  /* pages 1, 2, ... */
    u32 count;
};

/* ---- Life ---- */

/* As many blocks as the machine has, all pages zero. */
static struct snapmem *new_like(const struct physmap *pm)
{
    struct snapmem *m = calloc(1, sizeof *m);
    struct physmap_block info;

    if (!m)
        return NULL;
    for (; physmap_block(pm, m->block_count, &info); m->block_count++) {
        struct block *b = &m->block[m->block_count];

        assert(m->block_count < BLOCKS_MAX && strlen(info.name) < NAME_BYTES);
        strncpy(b->name, info.name, NAME_BYTES - 1);
        b->first = info.first;
        b->pages = info.count;
        m->pages += info.count;
        b->number = calloc(info.count, sizeof *b->number);
        if (!b->number) {
            snapmem_free(m);
            return NULL;
        }
    }
    return m;
}

/* Room for all pages there can be; the host gives memory only to those that come. */
static bool make_room(struct snapmem *m)
{
    /* Not in huge pages: the host may have to make some first, while the guest waits. */
    m->data = sparse_new(m->pages * PAGE_SIZE, SPARSE_SCATTERED);
    return m->data != NULL;
}

void snapmem_free(struct snapmem *m)
{
    if (!m)
        return;
    for (u32 i = 0; i < m->block_count; i++)
        free(m->block[i].number);
    sparse_free(m->data, m->pages * PAGE_SIZE);
    free(m);
}

/* Page `number`, from 1. */
static u8 *page_data(const struct snapmem *m, u32 number)
{
    return m->data + (size_t)(number - 1) * PAGE_SIZE;
}

/* ---- Copying ---- */

static bool is_zero(const u8 *p)
{
    return !p[0] && !memcmp(p, p + 1, PAGE_SIZE - 1);
}

static void capture_block(struct snapmem *m, struct physmap *pm, u32 index)
{
    struct block *b = &m->block[index];
    u32 page = 0, count;

    for (; physmap_next_touched(pm, index, &page, &count); page += count)
        for (u32 i = page; i < page + count && i < b->pages; i++) {
            const u8 *host = frame_host(physmap_frame(pm, b->first + i));

            if (is_zero(host))
                continue;
            b->number[i] = ++m->count;
            memcpy(page_data(m, m->count), host, PAGE_SIZE);
        }
}

struct snapmem *snapmem_capture(struct physmap *pm)
{
    struct snapmem *m = new_like(pm);

    if (!m || !make_room(m)) {
        snapmem_free(m);
        return NULL;
    }
    for (u32 i = 0; i < m->block_count; i++)
        capture_block(m, pm, i);
    return m;
}

/* ---- Writing ---- */

/* Where page `number` of m belongs in a hash table of pages: its equal, or a free slot. */
static u32 *find_slot(u32 *table, u32 mask, const struct snapmem *m, u32 number)
{
    const u8 *page = page_data(m, number);
    u32 i = (u32)hash128(0, page, PAGE_SIZE).lo & mask;

    while (table[i] && memcmp(page_data(m, table[i]), page, PAGE_SIZE))
        i = (i + 1) & mask;
    return &table[i];
}

/* Keep one of all equal pages and move them together; to[] gets the new number of each. */
static void gather_unique(struct snapmem *m, u32 *table, u32 mask, u32 *to)
{
    u32 kept = 0;

    for (u32 n = 1; n <= m->count; n++) {
        u32 *slot = find_slot(table, mask, m, n);

        if (!*slot) {
            *slot = ++kept;
            if (kept != n)
                memcpy(page_data(m, kept), page_data(m, n), PAGE_SIZE);
        }
        to[n] = *slot;
    }
    m->count = kept;
}

static bool deduplicate(struct snapmem *m)
{
    u32 slots = 2, *table, *to;

    while (slots < m->count * 2)
        slots *= 2;
    table = calloc(slots, sizeof *table);
    to = calloc((size_t)m->count + 1, sizeof *to);
    if (table && to) {
        gather_unique(m, table, slots - 1, to);
        for (u32 i = 0; i < m->block_count; i++)
            for (u32 p = 0; p < m->block[i].pages; p++)
                m->block[i].number[p] = to[m->block[i].number[p]];
    }
    free(table);
    free(to);
    return table && to;
}

/* Page numbers of a block as they stand in the file. */
static void numbers_state(struct block *b, u32 count, struct state *s)
{
    size_t len = (size_t)b->pages * 4;
    u8 *bytes = malloc(len);

    if (!bytes) {
        state_fail(s, "the host has no memory left");
        return;
    }
    for (u32 i = 0; i < b->pages; i++)
        put_le32(bytes + (size_t)i * 4, b->number[i]);
    state_bytes(s, "numbers", bytes, len);
    for (u32 i = 0; i < b->pages && state_is_loading(s) && !state_error(s); i++) {
        b->number[i] = get_le32(bytes + (size_t)i * 4);
        state_require(s, b->number[i] <= count, "a page has no contents");
    }
    free(bytes);
}

static void table_state(struct snapmem *m, struct state *s)
{
    u32 blocks = m->block_count;

    state_begin(s, "memory", SNAPMEM_VERSION);
    state_u32(s, "pages", &m->count);
    state_require(s, m->count <= m->pages, "more pages than the machine has");
    state_u32(s, "blocks", &blocks);
    state_require(s, blocks == m->block_count, "the machine has other memories");
    for (u32 i = 0; i < m->block_count && !state_error(s); i++) {
        struct block *b = &m->block[i];
        char name[NAME_BYTES];
        u32 pages = b->pages;

        memcpy(name, b->name, sizeof name);
        state_bytes(s, "block", name, sizeof name);
        state_u32(s, "size", &pages);
        state_require(s, !memcmp(name, b->name, sizeof name) && pages == b->pages,
                      "the machine has memory of other sizes, or another BIOS");
        numbers_state(b, m->count, s);
    }
    state_end(s);
}

bool snapmem_write(struct snapmem *m, struct snapfile_writer *w)
{
    struct state *s = state_new_save();
    bool good = deduplicate(m);
    const void *data;
    size_t len;
    u32 n;

    if (good)
        table_state(m, s);
    data = state_data(s, &len);
    good = good && !state_error(s) && snapfile_put(w, "memory", SNAPMEM_VERSION, data, len);
    for (u32 at = 1; good && at <= m->count; at += n) {
        n = (u32)min_u64(SNAPMEM_CHUNK_PAGES, m->count - at + 1);
        good = snapfile_put(w, "pages", SNAPMEM_VERSION, page_data(m, at), (size_t)n * PAGE_SIZE);
    }
    state_free(s);
    return good;
}

/* ---- Reading ---- */

static bool read_table(struct snapmem *m, struct snapfile *f, char *err, size_t err_size)
{
    size_t len;
    void *data = snapfile_read(f, "memory", 0, &len, err, err_size);
    struct state *s;
    bool good;

    if (!data)
        return false;
    s = state_new_load(data, len);
    table_state(m, s);
    good = !state_error(s);
    if (!good)
        snprintf(err, err_size, "snapshot: %s", state_error(s));
    state_free(s);
    free(data);
    return good;
}

static bool read_pages(struct snapmem *m, struct snapfile *f, char *err, size_t err_size)
{
    u32 chunks = (m->count + SNAPMEM_CHUNK_PAGES - 1) / SNAPMEM_CHUNK_PAGES;

    if (snapfile_count(f, "pages") != chunks) {
        snprintf(err, err_size, "snapshot: pages of memory are missing; use another copy");
        return false;
    }
    for (u32 i = 0; i < chunks; i++) {
        u32 first = i * SNAPMEM_CHUNK_PAGES + 1;
        size_t want = (size_t)min_u64(SNAPMEM_CHUNK_PAGES, m->count - first + 1) * PAGE_SIZE, len;
        void *data = snapfile_read(f, "pages", i, &len, err, err_size);

        if (data && len == want)
            memcpy(page_data(m, first), data, len);
        else if (data)
            snprintf(err, err_size, "snapshot: a part of memory is not as long as it should be");
        free(data);
        if (!data || len != want)
            return false;
    }
    return true;
}

struct snapmem *snapmem_read(struct snapfile *f, const struct physmap *pm, char *err,
                             size_t err_size)
{
    struct snapmem *m = new_like(pm);

    if (!m || !make_room(m))
        snprintf(err, err_size, "snapshot: the host has no memory left to read it");
    else if (read_table(m, f, err, err_size) && read_pages(m, f, err, err_size))
        return m;
    snapmem_free(m);
    return NULL;
}

/* ---- Putting in place ---- */

static void restore_block(const struct snapmem *m, struct physmap *pm, u32 index)
{
    const struct block *b = &m->block[index];
    u32 page = 0, count;

    /* Pages of zeros need a look only where there has been something. */
    for (; physmap_next_touched(pm, index, &page, &count); page += count)
        for (u32 i = page; i < page + count && i < b->pages; i++)
            if (!b->number[i])
                physmap_load_frame(pm, b->first + i, NULL);
    for (u32 i = 0; i < b->pages; i++)
        if (b->number[i])
            physmap_load_frame(pm, b->first + i, page_data(m, b->number[i]));
}

void snapmem_restore(const struct snapmem *m, struct physmap *pm)
{
    for (u32 i = 0; i < m->block_count; i++)
        restore_block(m, pm, i);
}
