/* Keeping what frames hold while they are written, and giving them a new home. */
#define _GNU_SOURCE
#include "mmu/mmu.h"
#include "mmu/physmap.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 4 };

static struct {
    struct physmap *pm;
    struct mmu mmu;
    frame_id ram, video;
    struct physmap_keeper keeper;
    unsigned calls;
    u8 held; /* the first byte of the last frame that was kept */
} rig;

static void keep(void *opaque, frame_id id)
{
    rig.calls++;
    rig.held = frame_host(physmap_frame(rig.pm, id))[0];
}

static void setup(void)
{
    rig.pm = physmap_new();
    rig.ram = physmap_new_frames(rig.pm, "ram", PAGES * PAGE_SIZE, 0);
    rig.video = physmap_new_frames(rig.pm, "video", PAGE_SIZE, FRAME_TRACK);
    physmap_map_frames(rig.pm, 0, PAGES * PAGE_SIZE, rig.ram, true);
    physmap_map_frames(rig.pm, 0xA0000, PAGE_SIZE, rig.video, true);
    mmu_init(&rig.mmu, rig.pm);
    rig.keeper = (struct physmap_keeper){.keep = keep};
}

static void teardown(void)
{
    mmu_destroy(&rig.mmu);
    physmap_free(rig.pm);
}

TestSuite(physmap, .init = setup, .fini = teardown);

/* As an instruction does: an entry if there may be one, and the slow way if not. */
static void guest_store(u32 la, u8 value)
{
    struct walk w = {0};

    if (!rig.mmu.write[la >> PAGE_SHIFT])
        mmu_translate(&rig.mmu, la, MMU_WRITE, MMU_SUPERVISOR, &w);
    if (rig.mmu.write[la >> PAGE_SHIFT])
        *(u8 *)(uintptr_t)(rig.mmu.write[la >> PAGE_SHIFT] + la) = value;
    else
        physmap_store(rig.pm, la, value, 1);
}

Test(physmap, a_frame_is_kept_once_before_the_guest_writes_it)
{
    guest_store(0, 1);
    physmap_keep(rig.pm, &rig.keeper);
    guest_store(0, 2);
    cr_assert_eq(rig.calls, 1);
    cr_assert_eq(rig.held, 1);
    guest_store(0, 3);
    cr_assert_eq(rig.calls, 1);
    guest_store(PAGE_SIZE, 4);
    cr_assert_eq(rig.calls, 2);
    cr_assert_eq(rig.held, 0);
}

Test(physmap, reading_a_page_gives_no_right_to_write_it)
{
    struct walk w = {0};

    physmap_keep(rig.pm, &rig.keeper);
    mmu_translate(&rig.mmu, 0, MMU_READ, MMU_SUPERVISOR, &w);
    cr_assert_neq(rig.mmu.read[0], 0);
    cr_assert_eq(rig.mmu.write[0], 0);
    cr_assert_eq(rig.calls, 0);
}

Test(physmap, chips_and_snapshots_ask_before_they_write)
{
    u8 byte = 9;

    physmap_keep(rig.pm, &rig.keeper);
    physmap_write(rig.pm, 5, &byte, 1);
    cr_assert_eq(rig.calls, 1);
    physmap_debug_write(rig.pm, PAGE_SIZE, &byte, 1);
    cr_assert_eq(rig.calls, 2);
    physmap_store(rig.pm, 2 * PAGE_SIZE, 7, 4);
    cr_assert_eq(rig.calls, 3);
    memset(frame_host(physmap_frame(rig.pm, rig.ram + 3)), 0x55, PAGE_SIZE);
    physmap_load_frame(rig.pm, rig.ram + 3, NULL);
    cr_assert_eq(rig.calls, 4);
    cr_assert_eq(rig.held, 0x55);
    physmap_write(rig.pm, 0xA0000, &byte, 1);
    cr_assert_eq(rig.calls, 4, "video memory is its chip's to write");
}

Test(physmap, two_keepers_are_both_asked_and_one_that_ended_is_not)
{
    struct physmap_keeper second = {.keep = keep};

    physmap_keep(rig.pm, &rig.keeper);
    physmap_keep(rig.pm, &second);
    guest_store(0, 1);
    cr_assert_eq(rig.calls, 2);
    physmap_end_keep(rig.pm, &rig.keeper);
    guest_store(PAGE_SIZE, 1);
    cr_assert_eq(rig.calls, 3);
    physmap_end_keep(rig.pm, &second);
    guest_store(2 * PAGE_SIZE, 1);
    cr_assert_eq(rig.calls, 3);
}

Test(physmap, a_block_moves_to_another_memfd_and_keeps_its_addresses)
{
    int fd = memfd_create("other", MFD_CLOEXEC);
    u8 *host = frame_host(physmap_frame(rig.pm, rig.ram)), page[PAGE_SIZE] = {0x42};

    cr_assert_eq(ftruncate(fd, PAGES * PAGE_SIZE), 0);
    cr_assert_eq(pwrite(fd, page, sizeof page, PAGE_SIZE), (ssize_t)sizeof page);
    guest_store(PAGE_SIZE, 1);
    cr_assert(physmap_adopt(rig.pm, 0, fd));
    cr_assert_eq(rig.mmu.write[1], 0, "entries went");
    cr_assert_eq(physmap_load(rig.pm, PAGE_SIZE, 1), 0x42);
    cr_assert_eq(frame_host(physmap_frame(rig.pm, rig.ram)), host);
    guest_store(PAGE_SIZE, 7);
    cr_assert_eq(pread(fd, page, 1, PAGE_SIZE), 1);
    cr_assert_eq(page[0], 7);
}
