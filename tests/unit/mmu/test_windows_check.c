/* Checks of windows: each kind of mistake is found, and what the guest may do is none. */
#define _GNU_SOURCE
#include "mmu/mmu.h"

#include "mmu/bus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
    PAGES = 512,
    AT_DIRECTORY = 0x1000,
    AT_TABLE = 0x2000,
    AT_DATA = 0x40000,
    AT_OTHER = 0x50000,
    PTE_BITS = 7,
    PTE_G = 0x100,
};

static struct {
    struct physmap *pm;
    struct mmu mmu;
    frame_id ram;
    bool hidden;
    unsigned count;
    char wrong[600]; /* the first one */
} rig;

static void wrong(void *opaque, const char *text)
{
    if (!rig.count++)
        snprintf(rig.wrong, sizeof rig.wrong, "%s", text);
}

static u32 hides(void *opaque, u64 la, u64 gpa)
{
    return rig.hidden && la == AT_DATA ? MMU_HIDE_DATA : 0;
}

/* A page for everybody is shown at AT_DATA, to be written by the user. */
static void setup(void)
{
    struct paging paging = {.cr3 = AT_DIRECTORY, .enabled = true, .wp = true, .pge = true};
    struct walk walk;

    memset(&rig, 0, sizeof rig);
    rig.pm = physmap_new();
    rig.ram = physmap_new_frames(rig.pm, "ram", PAGES * PAGE_SIZE, 0);
    physmap_map_frames(rig.pm, 0, PAGES * PAGE_SIZE, rig.ram, true);
    mmu_init(&rig.mmu, rig.pm);
    rig.mmu.window_writes = true;
    rig.mmu.hides = hides;
    physmap_store(rig.pm, AT_DIRECTORY, AT_TABLE | PTE_BITS, 4);
    for (u32 i = 0; i < PAGES; i++)
        physmap_store(rig.pm, AT_TABLE + i * 4, i << PAGE_SHIFT | PTE_BITS, 4);
    for (u32 i = 0; i < PAGE_SIZE; i++)
        physmap_store(rig.pm, AT_DATA + i, i % 251, 1);
    mmu_set_paging(&rig.mmu, &paging);
    for (int i = 0; i < MMU_CLASSES; i++)
        cr_assert(window_open(&rig.mmu.window[i]));
    cr_assert(mmu_check_windows(&rig.mmu, wrong, NULL));
    rig.mmu.window[MMU_USER].on = rig.mmu.window[MMU_SUPERVISOR].on = true;
    mmu_set_class(&rig.mmu, MMU_USER);
    cr_assert(mmu_translate(&rig.mmu, AT_DATA, MMU_WRITE, MMU_USER, &walk));
    cr_assert(mmu_show(&rig.mmu, AT_DATA, true));
}

static void teardown(void)
{
    mmu_destroy(&rig.mmu);
    physmap_free(rig.pm);
}

TestSuite(window_check, .init = setup, .fini = teardown);

/* Something is done after which all is checked. */
static void look(void)
{
    mmu_invlpg(&rig.mmu, AT_OTHER);
}

static void expect(const char *part)
{
    look();
    cr_assert_eq(rig.count, 1, "%u: %s", rig.count, rig.wrong);
    cr_assert(strstr(rig.wrong, part), "%s", rig.wrong);
    cr_assert(strstr(rig.wrong, "user page 00040"), "%s", rig.wrong);
    cr_assert(strstr(rig.wrong, "after INVLPG"), "%s", rig.wrong);
}

Test(window_check, what_is_right_is_not_reported)
{
    for (unsigned i = 0; i < 3; i++)
        look();
    mmu_drop_entries(&rig.mmu);
    mmu_flush_cr3(&rig.mmu);
    mmu_flush_all(&rig.mmu);
    cr_assert_eq(rig.count, 0, "%s", rig.wrong);
    cr_assert_eq(rig.mmu.check.stale, 0);
    cr_assert_geq(rig.mmu.check.pages, 3);
}

Test(window_check, a_page_that_t_has_not_is_found)
{
    rig.mmu.table_read[MMU_USER][AT_DATA >> PAGE_SHIFT] = 0;
    expect("T has no entry");
}

Test(window_check, a_page_that_t_has_elsewhere_is_found)
{
    u32 page = AT_DATA >> PAGE_SHIFT;

    rig.mmu.record[page] += PAGE_SIZE;
    rig.mmu.table_read[MMU_USER][page] += PAGE_SIZE;
    expect("another frame");
}

Test(window_check, a_page_that_t_has_for_reading_only_is_found)
{
    rig.mmu.table_write[MMU_USER][AT_DATA >> PAGE_SHIFT] = 0;
    expect("no such entry for writing");
}

Test(window_check, a_right_that_the_record_has_not_is_found)
{
    rig.mmu.record[AT_DATA >> PAGE_SHIFT] &= ~4ull; /* writable */
    expect("the record does not allow");
}

Test(window_check, code_on_a_writable_page_is_found)
{
    physmap_frame(rig.pm, rig.ram + (AT_DATA >> PAGE_SHIFT))->code_mask = 1;
    expect("code was decoded there");
}

Test(window_check, a_write_that_somebody_waits_for_is_found)
{
    physmap_frame(rig.pm, rig.ram + (AT_DATA >> PAGE_SHIFT))->flags = FRAME_TRACK; /* and clean */
    expect("waits for a write");
}

Test(window_check, a_frame_that_somebody_keeps_is_found)
{
    physmap_frame(rig.pm, rig.ram + (AT_DATA >> PAGE_SHIFT))->flags |= FRAME_KEPT;
    expect("wants what it holds");
}

Test(window_check, a_watched_page_is_found)
{
    rig.hidden = true;
    expect("somebody watches it");
}

Test(window_check, other_memory_at_its_place_is_found)
{
    void *at = rig.mmu.window[MMU_USER].base + AT_DATA;

    cr_assert_eq(mmap(at, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                 at);
    expect("does not show what its frame holds");
}

Test(window_check, a_page_that_was_not_taken_away_is_found)
{
    struct window *w = &rig.mmu.window[MMU_USER];

    w->page[AT_DATA >> PAGE_SHIFT] = 0; /* so that INVLPG overlooks it */
    mmu_invlpg(&rig.mmu, AT_DATA);
    w->page[AT_DATA >> PAGE_SHIFT] = WINDOW_SHOWN;
    expect("T has no entry");
    cr_assert(strstr(rig.wrong, "record 0;"), "%s", rig.wrong);
}

Test(window_check, says_what_took_a_page_away_last)
{
    struct walk walk;

    mmu_invlpg(&rig.mmu, AT_DATA);
    cr_assert(mmu_translate(&rig.mmu, AT_DATA, MMU_WRITE, MMU_USER, &walk));
    cr_assert(mmu_show(&rig.mmu, AT_DATA, true));
    rig.mmu.table_read[MMU_USER][AT_DATA >> PAGE_SHIFT] = 0;
    mmu_flush_cr3(&rig.mmu); /* takes all: nothing to find */
    cr_assert_eq(rig.count, 0);
    rig.mmu.window[MMU_USER].on = true;
    cr_assert(mmu_translate(&rig.mmu, AT_DATA, MMU_WRITE, MMU_USER, &walk));
    cr_assert(mmu_show(&rig.mmu, AT_DATA, true));
    rig.mmu.table_read[MMU_USER][AT_DATA >> PAGE_SHIFT] = 0;
    expect("taken last by INVLPG, the whole window by a load of CR3");
}

Test(window_check, tables_that_were_changed_and_not_flushed_are_counted_once)
{
    physmap_store(rig.pm, AT_TABLE + (AT_DATA >> PAGE_SHIFT) * 4, AT_OTHER | PTE_BITS, 4);
    for (unsigned i = 0; i < 3; i++)
        look();
    cr_assert_eq(rig.count, 0, "%s", rig.wrong);
    cr_assert_eq(rig.mmu.check.stale, 1);
    physmap_store(rig.pm, AT_TABLE + (AT_DATA >> PAGE_SHIFT) * 4, 0, 4);
    look();
    cr_assert_eq(rig.mmu.check.stale, 1);
}

Test(window_check, tables_in_a_chips_registers_are_left_alone)
{
    static const struct mmio_ops chip = {.width = 1}; /* a call would be through NULL */

    physmap_store(rig.pm, AT_DIRECTORY, 0x300000 | PTE_BITS, 4);
    physmap_map_mmio(rig.pm, 0x300000, PAGE_SIZE, &chip, NULL);
    look();
    cr_assert_eq(rig.count, 0, "%s", rig.wrong);
}

Test(window_check, ends_when_it_is_told)
{
    cr_assert(mmu_check_windows(&rig.mmu, NULL, NULL));
    rig.mmu.window[MMU_USER].on = true;
    cr_assert(mmu_show(&rig.mmu, AT_DATA, true));
    rig.mmu.table_read[MMU_USER][AT_DATA >> PAGE_SHIFT] = 0;
    look();
    cr_assert_eq(rig.count, 0);
}
