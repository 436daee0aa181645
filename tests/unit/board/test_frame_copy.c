/* Frames of a moment are what they were then, whatever is written since. */
#include "devices/board/frame_copy.h"

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES = 4096, VIDEO_PAGES = 4, CHUNK = 10 };

static struct {
    struct physmap *pm;
    frame_id ram, video;
    struct frame_copy *copy;
} rig;

/* What a frame holds, and each write to it counts one up. */
static u32 value_of(frame_id id)
{
    return get_le32(frame_host(physmap_frame(rig.pm, id)) + 8);
}

static void write_frame(u32 page, u32 value)
{
    u8 bytes[4];

    put_le32(bytes, value);
    physmap_write(rig.pm, (u64)page * PAGE_SIZE + 8, bytes, sizeof bytes);
}

static void setup(void)
{
    rig.pm = physmap_new();
    rig.ram = physmap_new_frames(rig.pm, "ram", PAGES * PAGE_SIZE, 0);
    rig.video = physmap_new_frames(rig.pm, "video", VIDEO_PAGES * PAGE_SIZE, FRAME_TRACK);
    physmap_map_frames(rig.pm, 0, PAGES * PAGE_SIZE, rig.ram, true);
    physmap_map_frames(rig.pm, PAGES * PAGE_SIZE, VIDEO_PAGES * PAGE_SIZE, rig.video, true);
    for (u32 i = 0; i < PAGES + VIDEO_PAGES; i++)
        write_frame(i, 1000 + i);
    rig.copy = frame_copy_new(rig.pm);
    cr_assert(rig.copy);
}

static void teardown(void)
{
    frame_copy_free(rig.copy);
    physmap_free(rig.pm);
}

TestSuite(frame_copy, .init = setup, .fini = teardown, .timeout = 60);

/* How many come, each once and with the value that `page + 1000` is. */
static u32 read_all(void)
{
    static u8 seen[PAGES + VIDEO_PAGES];
    u8 *chunk = malloc(CHUNK * FRAME_COPY_BYTES);
    u32 total = 0, n;

    memset(seen, 0, sizeof seen);
    while ((n = frame_copy_next(rig.copy, chunk, CHUNK)))
        for (u32 i = 0; i < n; i++, total++) {
            const u8 *p = chunk + (size_t)i * FRAME_COPY_BYTES;
            u32 page = get_le32(p) - rig.ram;

            cr_assert_lt(page, PAGES + VIDEO_PAGES);
            cr_assert_eq(seen[page]++, 0, "page %u comes twice", page);
            cr_assert_eq(get_le32(p + 4 + 8), 1000 + page);
        }
    free(chunk);
    cr_assert(frame_copy_is_whole(rig.copy));
    return total;
}

static void add_pages(u32 step)
{
    for (u32 i = 0; i < PAGES; i += step)
        frame_copy_add(rig.copy, rig.ram + i);
}

Test(frame_copy, few_are_copied_at_once)
{
    add_pages(100);
    frame_copy_add(rig.copy, rig.ram);
    cr_assert(frame_copy_begin(rig.copy, PAGES));
    cr_assert_eq(frame_copy_later(rig.copy), 0);
    for (u32 i = 0; i < PAGES; i++)
        write_frame(i, 7);
    cr_assert_eq(read_all(), (PAGES + 99) / 100);
}

Test(frame_copy, of_many_each_is_kept_before_it_is_written)
{
    add_pages(1);
    cr_assert(frame_copy_begin(rig.copy, 10));
    cr_assert_eq(frame_copy_later(rig.copy), PAGES);
    for (u32 i = 0; i < PAGES; i += 3) {
        write_frame(i, 7);
        write_frame(i, 8);
    }
    cr_assert_eq(read_all(), PAGES);
    cr_assert_eq(value_of(rig.ram), 8);
}

Test(frame_copy, video_memory_is_copied_at_once_always)
{
    add_pages(1);
    for (u32 i = 0; i < VIDEO_PAGES; i++)
        frame_copy_add(rig.copy, rig.video + i);
    cr_assert(frame_copy_begin(rig.copy, 10));
    cr_assert_eq(frame_copy_later(rig.copy), PAGES);
    memset(frame_host(physmap_frame(rig.pm, rig.video)), 7, PAGE_SIZE);
    cr_assert_eq(read_all(), PAGES + VIDEO_PAGES);
}

Test(frame_copy, no_frame_is_no_copy)
{
    cr_assert(frame_copy_begin(rig.copy, 10));
    cr_assert_eq(read_all(), 0);
}

Test(frame_copy, one_that_was_not_read_is_freed)
{
    add_pages(1);
    cr_assert(frame_copy_begin(rig.copy, 10));
    write_frame(3, 7);
}

static void *read_in_thread(void *opaque)
{
    *(u32 *)opaque = read_all();
    return NULL;
}

Test(frame_copy, the_guest_writes_while_another_thread_copies)
{
    pthread_t thread;
    u32 total = 0;

    add_pages(1);
    cr_assert(frame_copy_begin(rig.copy, 10));
    pthread_create(&thread, NULL, read_in_thread, &total);
    for (u32 i = 0; i < PAGES; i++)
        write_frame((i * 1237) % PAGES, 7);
    pthread_join(thread, NULL);
    cr_assert_eq(total, PAGES);
}
