/* Shadow windows: what they show, and everything that takes pages away from them. */
#define _GNU_SOURCE
#include "mmu/window.h"

#include "base/state.h"
#include "mmu/bus.h"
#include "mmu/mmu.h"
#include "mmu/physmap.h"
#include "tests/support/refuse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PAGES = 512,
    AT_DIRECTORY = 0x1000,
    AT_TABLE = 0x2000, /* of the first 4 MiB, one to one where it says anything */
    AT_TOP = 0x3000,   /* of the last 4 MiB */
    AT_DATA = 0x40000,
    AT_GLOBAL = 0x50000,
    TOP_PAGE = 0xFFFFF,
    /* Page-table entries; SDM Vol. 3A, "32-Bit Paging". */
    P = 1,
    W = 2,
    U = 4,
    G = 0x100,
};

static struct {
    struct physmap *pm;
    struct mmu mmu;
    struct paging paging;
    frame_id ram;
    int probe[2];     /* a pipe: the kernel says what may be read and written */
    bool hidden;      /* the page at AT_DATA is watched */
    char wrong[1000]; /* what the checks found */
} rig;

/* ---- The rig ---- */

static struct window *window(enum mmu_class class)
{
    return &rig.mmu.window[class];
}

static u8 *at(enum mmu_class class, u32 la)
{
    return window(class)->base + la;
}

static u8 *ram(u32 gpa)
{
    return frame_host(physmap_frame(rig.pm, rig.ram)) + gpa;
}

static void on(void)
{
    for (int i = 0; i < MMU_CLASSES; i++)
        window((enum mmu_class)i)->on = true;
}

static u32 hides(void *opaque, u64 la, u64 gpa)
{
    return rig.hidden && la == AT_DATA ? MMU_HIDE_DATA : 0;
}

static void setup(void)
{
    memset(&rig, 0, sizeof rig);
    rig.pm = physmap_new();
    rig.ram = physmap_new_frames(rig.pm, "ram", PAGES * PAGE_SIZE, 0);
    physmap_map_frames(rig.pm, 0, PAGES * PAGE_SIZE, rig.ram, true);
    cr_assert(mmu_init(&rig.mmu, rig.pm));
    rig.mmu.window_writes = true;
    rig.mmu.hides = hides;
    for (int i = 0; i < MMU_CLASSES; i++)
        cr_assert(window_open(window((enum mmu_class)i)));
    on();
    cr_assert_eq(pipe(rig.probe), 0);
}

static void teardown(void)
{
    cr_assert_str_empty(rig.wrong);
    mmu_destroy(&rig.mmu);
    physmap_free(rig.pm);
}

static void pte(u32 table, u32 la, u32 value)
{
    physmap_store(rig.pm, table + (la >> PAGE_SHIFT) % 1024 * 4, value, 4);
}

static void set_paging(bool enabled, bool pge)
{
    rig.paging = (struct paging){.cr3 = AT_DIRECTORY, .enabled = enabled, .wp = true, .pge = pge};
    mmu_set_paging(&rig.mmu, &rig.paging);
    on();
}

/* The first 2 MiB one to one for everybody, AT_GLOBAL global and the supervisor's. */
static void enable_paging(bool pge)
{
    physmap_store(rig.pm, AT_DIRECTORY, AT_TABLE | P | W | U, 4);
    for (u32 la = 0; la < PAGES * PAGE_SIZE; la += PAGE_SIZE)
        pte(AT_TABLE, la, la | P | W | U);
    pte(AT_TABLE, AT_GLOBAL, AT_GLOBAL | P | W | G);
    set_paging(true, pge);
}

static bool access_page(enum mmu_class class, u32 la, enum mmu_access access)
{
    struct walk walk = {0};

    return mmu_translate(&rig.mmu, la, access, class, &walk);
}

static bool show(enum mmu_class class, u32 la, bool write)
{
    mmu_set_class(&rig.mmu, class);
    return mmu_show(&rig.mmu, la, write);
}

/* As an access that a handler does, and then the window for the next one. */
static bool use(enum mmu_class class, u32 la, enum mmu_access access)
{
    return access_page(class, la, access) && show(class, la, access == MMU_WRITE);
}

/* What the host allows at this address of a window. */
static bool can_read(enum mmu_class class, u64 la)
{
    u8 byte;

    if (write(rig.probe[1], window(class)->base + la, 1) != 1)
        return false;
    cr_assert_eq(read(rig.probe[0], &byte, 1), 1);
    return true;
}

static bool can_write(enum mmu_class class, u64 la)
{
    u8 byte = 0;
    bool good;

    if (can_read(class, la))
        byte = window(class)->base[la];
    cr_assert_eq(write(rig.probe[1], &byte, 1), 1);
    good = read(rig.probe[0], window(class)->base + la, 1) == 1;
    if (!good)
        cr_assert_eq(read(rig.probe[0], &byte, 1), 1);
    return good;
}

TestSuite(window, .init = setup, .fini = teardown);

/* ---- What is shown ---- */

Test(window, shows_nothing_before_it_is_asked)
{
    access_page(MMU_SUPERVISOR, AT_DATA, MMU_WRITE);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    cr_assert(show(MMU_SUPERVISOR, AT_DATA, true));
    cr_assert(can_write(MMU_SUPERVISOR, AT_DATA));
    cr_assert_not(can_read(MMU_USER, AT_DATA), "the other class has its own");
}

Test(window, is_the_same_memory)
{
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    ram(AT_DATA)[7] = 0x5A;
    cr_assert_eq(at(MMU_SUPERVISOR, AT_DATA)[7], 0x5A);
    at(MMU_SUPERVISOR, AT_DATA)[8] = 0xA5;
    cr_assert_eq(ram(AT_DATA)[8], 0xA5);
}

Test(window, shows_no_page_that_the_tables_of_t_have_not)
{
    enable_paging(false);
    cr_assert_not(show(MMU_USER, AT_DATA, false), "never accessed");
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    cr_assert_not(show(MMU_SUPERVISOR, AT_DATA, false), "not by this class");
    cr_assert(can_read(MMU_USER, AT_DATA));
    for (u32 la = 0; la < PAGES * PAGE_SIZE; la += PAGE_SIZE)
        cr_assert_eq(can_read(MMU_USER, la), la == AT_DATA, "%x", la);
}

Test(window, shows_a_page_for_reading_until_it_was_written)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    cr_assert_not(can_write(MMU_USER, AT_DATA), "its dirty bit must be set first");
    cr_assert_not(show(MMU_USER, AT_DATA, true));
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(can_write(MMU_USER, AT_DATA));
}

Test(window, never_shows_pages_writable_if_it_may_not)
{
    rig.mmu.window_writes = false;
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert(access_page(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert_not(show(MMU_SUPERVISOR, AT_DATA, true));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
}

Test(window, shows_neither_chips_nor_rom_for_writing)
{
    static const struct mmio_ops chip = {.width = 1};
    frame_id rom = physmap_new_frames(rig.pm, "rom", PAGE_SIZE, 0);

    physmap_map_mmio(rig.pm, AT_DATA, PAGE_SIZE, &chip, NULL);
    physmap_map_frames(rig.pm, AT_DATA + PAGE_SIZE, PAGE_SIZE, rom, false);
    on();
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA + PAGE_SIZE, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA + PAGE_SIZE, MMU_READ));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA + PAGE_SIZE));
}

Test(window, shows_memory_that_reads_from_rom_and_writes_to_ram_for_reading_only)
{
    frame_id rom = physmap_new_frames(rig.pm, "rom", PAGE_SIZE, 0);

    physmap_map_split(rig.pm, AT_DATA, PAGE_SIZE, rom, rig.ram + (AT_DATA >> PAGE_SHIFT));
    on();
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    frame_host(physmap_frame(rig.pm, rom))[0] = 0x77;
    cr_assert_eq(at(MMU_SUPERVISOR, AT_DATA)[0], 0x77);
}

Test(window, supervisors_show_global_pages_only_where_there_are_any)
{
    enable_paging(true);
    cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_READ));
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert_not(use(MMU_USER, AT_GLOBAL, MMU_READ), "it is the supervisor's");
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    set_paging(true, false);
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_READ), "without CR4.PGE none is global");
}

Test(window, ends_at_4_gib_in_a_guard)
{
    u32 top = (u32)TOP_PAGE << PAGE_SHIFT;

    enable_paging(false);
    physmap_store(rig.pm, AT_DIRECTORY + 1023 * 4, AT_TOP | P | W | U, 4);
    pte(AT_TOP, top, AT_DATA | P | W | U);
    cr_assert(use(MMU_USER, top, MMU_WRITE));
    cr_assert(use(MMU_USER, 0, MMU_WRITE));
    ram(AT_DATA)[PAGE_SIZE - 1] = 0x99;
    cr_assert_eq(at(MMU_USER, 0xFFFFFFFF)[0], 0x99);
    for (u64 la = 1ull << 32; la < (1ull << 32) + WINDOW_GUARD; la += PAGE_SIZE)
        cr_assert_not(can_read(MMU_USER, la));
}

Test(window, shows_neighbours_at_once_that_lie_side_by_side_in_memory)
{
    enable_paging(false);
    pte(AT_TABLE, AT_DATA + 2 * PAGE_SIZE, 0x10000 | P | W | U); /* elsewhere */
    for (unsigned i = 0; i < 4; i++)
        cr_assert(access_page(MMU_USER, AT_DATA + i * PAGE_SIZE, MMU_READ));
    cr_assert(show(MMU_USER, AT_DATA, false));
    cr_assert_eq(window(MMU_USER)->shows, 1);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(can_read(MMU_USER, AT_DATA + i * PAGE_SIZE), i < 2, "page %u", i);
}

/* ---- What takes pages away ---- */

Test(window, invlpg_takes_its_page_and_no_other)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_USER, AT_DATA + PAGE_SIZE, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    mmu_invlpg(&rig.mmu, AT_DATA);
    cr_assert_not(can_read(MMU_USER, AT_DATA));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    cr_assert(can_read(MMU_USER, AT_DATA + PAGE_SIZE));
}

Test(window, invlpg_takes_all_pieces_of_a_large_page)
{
    enable_paging(false);
    rig.paging.pse = true;
    mmu_set_paging(&rig.mmu, &rig.paging);
    on();
    physmap_store(rig.pm, AT_DIRECTORY + 4, 0x80 | P | W | U, 4); /* 4 MiB at 0, at 4 MiB */
    cr_assert(use(MMU_USER, 0x400000 + AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_USER, 0x400000 + AT_GLOBAL, MMU_WRITE));
    mmu_invlpg(&rig.mmu, 0x400000);
    cr_assert_not(can_read(MMU_USER, 0x400000 + AT_DATA));
    cr_assert_not(can_read(MMU_USER, 0x400000 + AT_GLOBAL));
}

Test(window, a_load_of_cr3_takes_all_without_global_pages)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_WRITE));
    mmu_flush_cr3(&rig.mmu);
    cr_assert_not(can_read(MMU_USER, AT_DATA));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_GLOBAL));
}

Test(window, a_load_of_cr3_leaves_global_pages_to_the_supervisor)
{
    enable_paging(true);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_WRITE));
    mmu_flush_cr3(&rig.mmu);
    cr_assert_not(can_read(MMU_USER, AT_DATA));
    cr_assert(can_write(MMU_SUPERVISOR, AT_GLOBAL));
    cr_assert(window(MMU_SUPERVISOR)->on);
    mmu_invlpg(&rig.mmu, AT_GLOBAL);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_GLOBAL));
}

Test(window, switching_paging_or_global_pages_takes_all)
{
    static const bool paging[] = {true, false, true}, pge[] = {true, false, false};

    for (unsigned i = 0; i < 3; i++) {
        enable_paging(true);
        cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
        cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_WRITE));
        if (i == 0)
            rig.paging.wp = false, mmu_set_paging(&rig.mmu, &rig.paging);
        else
            set_paging(paging[i], pge[i]);
        cr_assert_not(can_read(MMU_USER, AT_DATA), "change %u", i);
        cr_assert_not(can_read(MMU_SUPERVISOR, AT_GLOBAL), "change %u", i);
        mmu_flush_all(&rig.mmu);
        on();
    }
}

Test(window, a_page_fault_takes_the_page_it_is_about)
{
    enable_paging(false);
    pte(AT_TABLE, AT_DATA, AT_DATA | P | U); /* not writable */
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    cr_assert_not(access_page(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert_not(can_read(MMU_USER, AT_DATA));
}

Test(window, a_walk_that_finds_another_page_takes_the_old_one)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    pte(AT_TABLE, AT_DATA, 0x10000 | P | W | U);
    cr_assert(can_read(MMU_USER, AT_DATA), "nothing was flushed yet");
    cr_assert(access_page(MMU_USER, AT_DATA, MMU_WRITE), "the dirty bit needs a walk");
    cr_assert_not(can_read(MMU_USER, AT_DATA));
    cr_assert(show(MMU_USER, AT_DATA, true));
    at(MMU_USER, AT_DATA)[0] = 0x31;
    cr_assert_eq(ram(0x10000)[0], 0x31);
}

Test(window, a_first_write_does_not_take_the_page)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_READ));
    cr_assert(access_page(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(can_read(MMU_USER, AT_DATA));
    cr_assert_not(can_write(MMU_USER, AT_DATA));
    cr_assert(show(MMU_USER, AT_DATA, true));
    cr_assert(can_write(MMU_USER, AT_DATA));
    cr_assert_eq(window(MMU_USER)->hides, 0);
}

Test(window, a_full_tlb_takes_all)
{
    enable_paging(false);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    rig.mmu.recorded_count = MMU_TLB_PAGES;
    cr_assert(access_page(MMU_USER, AT_DATA + PAGE_SIZE, MMU_READ));
    cr_assert_not(can_read(MMU_USER, AT_DATA));
}

Test(window, the_a20_gate_takes_all)
{
    cr_assert(use(MMU_SUPERVISOR, 0x100000, MMU_WRITE));
    ram(0)[0] = 0x44;
    physmap_set_a20(rig.pm, false);
    cr_assert_not(can_read(MMU_SUPERVISOR, 0x100000));
    on();
    cr_assert(use(MMU_SUPERVISOR, 0x100000, MMU_WRITE));
    cr_assert_eq(at(MMU_SUPERVISOR, 0x100000)[0], 0x44, "it wraps");
}

Test(window, memory_that_is_mapped_otherwise_takes_all)
{
    frame_id other = physmap_new_frames(rig.pm, "other", PAGE_SIZE, 0);

    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    physmap_map_frames(rig.pm, AT_DATA, PAGE_SIZE, other, true);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    at(MMU_SUPERVISOR, AT_DATA)[0] = 0x12;
    cr_assert_eq(frame_host(physmap_frame(rig.pm, other))[0], 0x12);
    physmap_unmap_frames(rig.pm, AT_DATA, PAGE_SIZE, other);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
}

Test(window, a_page_that_is_watched_is_not_shown)
{
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    rig.hidden = true;
    mmu_drop_entries(&rig.mmu);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    on();
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA + PAGE_SIZE, MMU_READ));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA), "not with a neighbour either");
    rig.hidden = false;
    mmu_drop_entries(&rig.mmu);
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
}

Test(window, code_leaves_a_page_for_reading_only)
{
    frame_id id = rig.ram + (AT_DATA >> PAGE_SHIFT);

    enable_paging(false);
    pte(AT_TABLE, AT_GLOBAL, AT_DATA | P | W | U); /* the same frame twice */
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_WRITE));
    physmap_mark_code(rig.pm, id, 0, 16);
    cr_assert(can_read(MMU_USER, AT_DATA) && can_read(MMU_SUPERVISOR, AT_GLOBAL));
    cr_assert_not(can_write(MMU_USER, AT_DATA));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_GLOBAL));
    cr_assert_not(use(MMU_USER, AT_DATA, MMU_WRITE), "as long as code is there");
    physmap_clear_code(rig.pm, id);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    cr_assert(can_write(MMU_USER, AT_DATA));
}

Test(window, a_new_dirty_epoch_leaves_pages_for_reading_only)
{
    frame_id id = rig.ram + (AT_DATA >> PAGE_SHIFT);
    u64 bits = 0;

    physmap_track(rig.pm, DIRTY_CHECK, true);
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    physmap_take_dirty(rig.pm, DIRTY_CHECK, id, 1, &bits);
    cr_assert_eq(bits, 1);
    cr_assert(can_read(MMU_SUPERVISOR, AT_DATA));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    bits = 0;
    cr_assert_not(physmap_take_dirty(rig.pm, DIRTY_CHECK, id, 1, &bits));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    at(MMU_SUPERVISOR, AT_DATA)[0] = 1;
    cr_assert(physmap_take_dirty(rig.pm, DIRTY_CHECK, id, 1, &bits));
}

Test(window, frames_that_stay_dirty_are_reported_and_stay_open_for_writing)
{
    frame_id id = rig.ram + (AT_DATA >> PAGE_SHIFT);
    static const u8 stays[] = {1}, goes[] = {0};
    u64 bits = 0;

    physmap_track(rig.pm, DIRTY_CHECK, true);
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    for (unsigned i = 0; i < 3; i++) {
        bits = 0;
        cr_assert(physmap_take_dirty_but(rig.pm, DIRTY_CHECK, id, 1, &bits, stays));
        cr_assert_eq(bits, 1);
        cr_assert(can_write(MMU_SUPERVISOR, AT_DATA));
    }
    cr_assert(physmap_take_dirty_but(rig.pm, DIRTY_CHECK, id, 1, &bits, goes));
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    cr_assert_not(physmap_take_dirty_but(rig.pm, DIRTY_CHECK, id, 1, &bits, stays));
}

static void keep(void *opaque, frame_id id)
{
    ++*(unsigned *)opaque;
}

Test(window, who_keeps_memory_sees_it_before_it_is_written)
{
    unsigned kept = 0;
    struct physmap_keeper keeper = {.keep = keep, .opaque = &kept};

    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    physmap_keep(rig.pm, &keeper);
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_READ));
    cr_assert_eq(kept, 0);
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert_eq(kept, 1);
    physmap_end_keep(rig.pm, &keeper);
}

Test(window, a_state_that_is_loaded_takes_all)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;

    enable_paging(true);
    cr_assert(use(MMU_USER, AT_DATA, MMU_WRITE));
    mmu_state(&rig.mmu, s);
    data = state_data(s, &len);
    cr_assert(use(MMU_SUPERVISOR, AT_GLOBAL, MMU_WRITE));
    l = state_new_load(data, len);
    mmu_state(&rig.mmu, l);
    cr_assert_null(state_error(l));
    cr_assert_not(can_read(MMU_USER, AT_DATA));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_GLOBAL));
    state_free(l);
    state_free(s);
}

Test(window, memory_with_a_new_home_is_shown_there)
{
    int fd = memfd_create("home", MFD_CLOEXEC);

    cr_assert_eq(ftruncate(fd, PAGES * PAGE_SIZE), 0);
    cr_assert_eq(pwrite(fd, "new", 3, AT_DATA), 3);
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert(physmap_adopt(rig.pm, 0, fd));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert_arr_eq(at(MMU_SUPERVISOR, AT_DATA), "new", 3);
    at(MMU_SUPERVISOR, AT_DATA)[0] = 'N';
    cr_assert_eq(ram(AT_DATA)[0], 'N');
}

/* ---- The host's limits ---- */

Test(window, too_many_pieces_clear_it)
{
    struct window *w = window(MMU_SUPERVISOR);

    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    w->pieces = WINDOW_PIECES_MAX - 1;
    mmu_invlpg(&rig.mmu, AT_DATA);
    cr_assert_not(w->on);
    cr_assert_eq(w->clears, 1);
    cr_assert_eq(w->pieces, 0);
    on();
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    w->pieces = WINDOW_PIECES_MAX;
    cr_assert_not(use(MMU_SUPERVISOR, 0x100000, MMU_WRITE));
    cr_assert_not(w->on, "no room for more: all is dropped, and it begins again some day");
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
}

Test(window, a_host_without_address_space_has_none)
{
    struct window w = {0};
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = 1ull << 30; /* less than is in use already */
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    cr_assert_not(window_open(&w));
    cr_assert_null(w.base);
    cr_assert_null(w.page);
    window_close(&w);
}

Test(window, shows_nothing_where_the_host_refuses_to_map)
{
    refuse_mapping(SYS_mmap, PROT_READ | PROT_WRITE, ENOMEM);
    cr_assert_not(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    cr_assert(rig.mmu.write[AT_DATA >> PAGE_SHIFT], "T has it");
    cr_assert_not(window(MMU_SUPERVISOR)->on, "others want mappings, too");
}

Test(window, all_goes_where_the_host_refuses_to_protect)
{
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    refuse_mapping(SYS_mprotect, PROT_READ, ENOMEM);
    physmap_mark_code(rig.pm, rig.ram + (AT_DATA >> PAGE_SHIFT), 0, 16);
    cr_assert_not(can_write(MMU_SUPERVISOR, AT_DATA));
    cr_assert_not(window(MMU_SUPERVISOR)->on);
}

Test(window, all_goes_where_the_host_refuses_to_take_one_page)
{
    cr_assert(use(MMU_SUPERVISOR, AT_DATA, MMU_WRITE));
    cr_assert(use(MMU_SUPERVISOR, 0x100000, MMU_WRITE));
    refuse_mapping(SYS_mmap, PROT_NONE, ENOMEM);
    mmu_invlpg(&rig.mmu, AT_DATA);
    cr_assert_not(can_read(MMU_SUPERVISOR, AT_DATA));
    cr_assert_not(can_read(MMU_SUPERVISOR, 0x100000));
}
