/*
 * Sectors in memory: a table of groups of 2 MiB, each a table of pages of 4 KiB, each with a bit
 * per sector that says whether it was written. Tables and pages appear with the first write. Clones
 * share pages; who writes one that is shared gets one of his own first.
 */
#include "devices/host/blk_overlay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, PAGE_SECTORS = 8, GROUP_PAGES = 512, GROUP_SECTORS = 4096, RUN_MAX = 2048 };

struct page {
    atomic_uint users; /* overlays that have it, each perhaps on a thread of its own */
    u8 data[PAGE_SECTORS * SECTOR];
};

struct group {
    struct page *page[GROUP_PAGES];
    u8 written[GROUP_PAGES]; /* a bit per sector of the page */
};

struct blk_overlay {
    u64 groups;
    struct group *group[];
};

struct blk_overlay *blk_overlay_new(u64 sectors)
{
    u64 groups = sectors / (PAGE_SECTORS * GROUP_PAGES) + 1;
    struct blk_overlay *o;

    if (groups > SIZE_MAX / sizeof *o->group / 2)
        return NULL;
    o = calloc(1, sizeof *o + (size_t)groups * sizeof *o->group);
    if (o)
        o->groups = groups;
    return o;
}

static void page_free(struct page *p)
{
    if (p && atomic_fetch_sub(&p->users, 1) == 1)
        free(p);
}

void blk_overlay_free(struct blk_overlay *o)
{
    u64 g;
    unsigned p;

    if (!o)
        return;
    for (g = 0; g < o->groups; g++) {
        if (!o->group[g])
            continue;
        for (p = 0; p < GROUP_PAGES; p++)
            page_free(o->group[g]->page[p]);
        free(o->group[g]);
    }
    free(o);
}

struct blk_overlay *blk_overlay_clone(const struct blk_overlay *o)
{
    struct blk_overlay *copy = calloc(1, sizeof *copy + (size_t)o->groups * sizeof *copy->group);

    if (!copy)
        return NULL;
    copy->groups = o->groups;
    for (u64 g = 0; g < o->groups; g++) {
        if (!o->group[g])
            continue;
        copy->group[g] = malloc(sizeof *copy->group[g]);
        if (!copy->group[g]) {
            blk_overlay_free(copy);
            return NULL;
        }
        *copy->group[g] = *o->group[g];
        for (unsigned p = 0; p < GROUP_PAGES; p++)
            if (copy->group[g]->page[p])
                atomic_fetch_add(&copy->group[g]->page[p]->users, 1);
    }
    return copy;
}

/* In place of a page that others have, too, or of none; NULL when out of memory. */
static struct page *own_page(struct page *old)
{
    struct page *p = malloc(sizeof *p);

    if (!p)
        return NULL;
    atomic_init(&p->users, 1);
    if (old)
        memcpy(p->data, old->data, sizeof p->data);
    page_free(old);
    return p;
}

/* The page of a sector, made if missing; NULL when out of memory. */
static u8 *page_for_write(struct blk_overlay *o, u64 sector)
{
    struct group **g = &o->group[sector / (PAGE_SECTORS * GROUP_PAGES)];
    unsigned p = (unsigned)(sector / PAGE_SECTORS % GROUP_PAGES);
    struct page *page;

    if (!*g)
        *g = calloc(1, sizeof **g);
    if (!*g)
        return NULL;
    page = (*g)->page[p];
    if (!page || atomic_load(&page->users) > 1)
        page = own_page(page);
    if (!page)
        return NULL;
    (*g)->page[p] = page;
    (*g)->written[p] |= (u8)(1 << sector % PAGE_SECTORS);
    return page->data;
}

int blk_overlay_write(struct blk_overlay *o, u64 sector, u32 count, const void *data)
{
    const u8 *from = data;
    u8 *page;

    for (; count; count--, sector++, from += SECTOR) {
        page = page_for_write(o, sector);
        if (!page)
            return -ENOMEM;
        memcpy(page + sector % PAGE_SECTORS * SECTOR, from, SECTOR);
    }
    return 0;
}

void blk_overlay_patch(const struct blk_overlay *o, u64 sector, u32 count, void *data)
{
    const struct group *g;
    u8 *to = data;
    unsigned p, bit;

    for (; count; count--, sector++, to += SECTOR) {
        g = o->group[sector / (PAGE_SECTORS * GROUP_PAGES)];
        p = (unsigned)(sector / PAGE_SECTORS % GROUP_PAGES);
        bit = (unsigned)(sector % PAGE_SECTORS);
        if (g && g->written[p] >> bit & 1)
            memcpy(to, g->page[p]->data + bit * SECTOR, SECTOR);
    }
}

static bool is_written(const struct blk_overlay *o, u64 sector)
{
    const struct group *g = o->group[sector / GROUP_SECTORS];

    return g && g->written[sector / PAGE_SECTORS % GROUP_PAGES] >> sector % PAGE_SECTORS & 1;
}

bool blk_overlay_next(const struct blk_overlay *o, u64 *sector, u32 *count)
{
    u64 at = *sector, end = o->groups * GROUP_SECTORS;

    while (at < end && !is_written(o, at))
        at = o->group[at / GROUP_SECTORS] ? at + 1 : (at / GROUP_SECTORS + 1) * GROUP_SECTORS;
    *sector = at;
    for (*count = 0; at < end && *count < RUN_MAX && is_written(o, at); at++)
        ++*count;
    return *count;
}
