/*
 * The cache of decoded code: what a write changes, and when it is full: what is in use stays, the
 * rest makes room.
 */
#include "cpu/run.h"

#include "cpu/interp.h"
#include "tests/support/cpu_rig.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    PAGES = 48,
    FIRST_PAGE = 0x40000 >> PAGE_SHIFT, /* of those that hold code */
    RET = 0xC3,                         /* a run of one instruction at every byte */
};

static struct cpu_rig rig;

static void setup(void)
{
    cpu_rig_setup(&rig, "pentium2");
    for (u32 i = 0; i < PAGES; i++) {
        const struct phys_page *p = physmap_page(rig.pm, (u64)(FIRST_PAGE + i) << PAGE_SHIFT);

        memset(physmap_frame(rig.pm, p->frame)->host, RET, PAGE_SIZE);
    }
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(run, .init = setup, .fini = teardown);

/* `mode` only tells runs apart. */
static struct run *find(u32 mode, u32 page, u32 offset)
{
    u64 gpa = (u64)(FIRST_PAGE + page) << PAGE_SHIFT;
    frame_id frame = physmap_page(rig.pm, gpa)->frame;

    return run_find(interp_runs(rig.cpu), run_key(frame, mode, offset), gpa | offset);
}

enum { PAGE_0 = FIRST_PAGE << PAGE_SHIFT };

Test(run, a_new_constant_is_taken_over_and_all_else_ends_the_run)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *r;

    cpu_rig_code(&rig, PAGE_0, "B8 01 02 03 C3"); /* mov ax, 201h; add ax, bx; ret */
    r = find(mode, 0, 0);
    cpu_rig_put(&rig, PAGE_0 + 1, 2, 0x1234);
    cr_assert_eq(find(mode, 0, 0), r);
    cr_assert_eq(r->insn[0].imm & 0xFFFF, 0x1234);
    cr_assert_eq(r->patched, 1);
    cpu_rig_put(&rig, PAGE_0 + 3, 1, 0x03); /* what it was */
    cr_assert_eq(r->patched, 1);
    cr_assert_neq(r->key, RUN_DEAD);
    cpu_rig_put(&rig, PAGE_0 + 3, 1, 0x2B); /* sub ax, bx */
    cr_assert_eq(r->key, RUN_DEAD);
}

Test(run, constants_of_branches_end_the_run)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *r;

    cpu_rig_code(&rig, PAGE_0, "40 74 05 C3"); /* inc ax; je +5 */
    r = find(mode, 0, 0);
    cpu_rig_put(&rig, PAGE_0 + 2, 1, 0x05);
    cr_assert_neq(r->key, RUN_DEAD);
    cpu_rig_put(&rig, PAGE_0 + 2, 1, 0x06);
    cr_assert_eq(r->key, RUN_DEAD);
}

Test(run, a_page_that_is_filled_with_like_code_is_forgotten)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *last;

    for (u32 at = 0; at < 60; at += 3) /* mov ax, n, and so on; ret */
        cpu_rig_code(&rig, PAGE_0 + at, "B8 01 00");
    find(mode, 0, 0);
    last = find(mode, 0, 0x800);
    for (u32 at = 0; at < 60; at += 3) {
        cpu_rig_put(&rig, PAGE_0 + at, 1, 0xB8);
        cpu_rig_put(&rig, PAGE_0 + at + 1, 2, at);
    }
    cr_assert_eq(last->key, RUN_DEAD);
}

Test(run, a_run_comes_back_when_the_like_of_it_is_written_over_it)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *r;

    for (u32 at = 0; at < 128; at += 4)
        cpu_rig_code(&rig, PAGE_0 + at, "B8 01 00 C3"); /* mov ax, 1; ret */
    for (u32 at = 0; at < 128; at += 4)
        find(mode, 0, at);
    r = find(mode, 0, 100);
    for (u32 at = 0; at < 128; at += 4) /* mov ax, 2, and sub ax, 2 */
        cpu_rig_put(&rig, PAGE_0 + at, 4, at == 104 ? 0xC300022D : 0xC30002B8);
    cr_assert_eq(r->key, RUN_DEAD);
    cr_assert_eq(find(mode, 0, 100), r);
    cr_assert_eq(r->insn[0].imm & 0xFFFF, 2);
    cr_assert_eq(r->patched, 0);
    cr_assert_neq(find(mode, 0, 104)->insn[0].row, r->insn[0].row, "another instruction");
}

Test(run, constants_that_are_patched_again_and_again_are_not_taken_for_a_fill)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *r;

    for (u32 at = 0; at < 60; at += 3)
        cpu_rig_code(&rig, PAGE_0 + at, "B8 01 00");
    r = find(mode, 0, 0);
    for (u32 round = 0; round < 5; round++)
        for (u32 at = 0; at < 60; at += 3)
            cpu_rig_put(&rig, PAGE_0 + at + 1, 2, at + round);
    cr_assert_neq(r->key, RUN_DEAD);
    cr_assert_eq(r->insn[2].imm, 6 + 4);
}

Test(run, a_dead_run_makes_room_for_one_of_its_length)
{
    u32 mode = rig.cpu->mode & 0xFF;
    struct run *r = find(mode, 1, 0);

    cpu_rig_put(&rig, PAGE_0 + PAGE_SIZE, 1, 0xF4);
    cr_assert_eq(r->key, RUN_DEAD);
    cr_assert_eq(find(mode, 2, 0), r);
}

/* As an engine does. */
static void execute(struct run *r, u32 times)
{
    r->heat -= times;
}

/* All runs of all pages: some 44 MiB of them for each mode. */
static void execute_all(u32 mode, u32 times, void *block)
{
    for (u32 page = 0; page < PAGES; page++)
        for (u32 offset = 0; offset < PAGE_SIZE; offset++) {
            struct run *r = find(mode, page, offset);

            execute(r, times);
            r->block = block;
        }
}

Test(run, what_was_executed_again_outlives_what_was_not)
{
    struct run *used = find(0, 0, 0);

    execute(used, 2);
    for (u32 mode = 1; mode <= 8; mode++) {
        execute_all(mode, 1, NULL);
        cr_assert_eq(find(0, 0, 0), used);
        execute(used, 1);
    }
    cr_assert_eq(used->heat, (u32)-10, "it was decoded anew");
}

Test(run, what_was_executed_once_makes_room)
{
    struct run *once = find(0, 0, 0);

    execute(once, 1);
    for (u32 mode = 1; mode <= 4; mode++)
        execute_all(mode, 1, NULL);
    cr_assert_neq(once->key, run_key(once->frame, 0, 0));
    cr_assert_eq(find(0, 0, 0)->heat, 0, "it was not decoded anew");
}

Test(run, what_is_translated_stays_until_nothing_more_fits)
{
    static u8 block;

    for (u32 mode = 1; mode <= 3; mode++)
        execute_all(mode, 1, &block);
    cr_assert_eq(find(1, 0, 0)->heat, (u32)-1, "three times the first size does not fit");
    for (u32 mode = 4; mode <= 8; mode++)
        execute_all(mode, 1, &block);
    cr_assert_eq(find(1, 0, 0)->heat, 0, "a full cache was not emptied");
}
