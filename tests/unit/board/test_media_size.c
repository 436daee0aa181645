/* Images cut short. Layouts from the sources that media_size.c names. */
#include "devices/board/media_size.h"

#include "base/bytes.h"
#include "devices/host/blk.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MB = 2048 /* sectors */, PARTITION_1 = 0x1BE, PARTITION_2 = 0x1CE };

static struct blk *blk;
static u8 sector[2048];
static char err[400];

static void setup(void)
{
    blk = blk_new_memory(100 * MB);
    memset(sector, 0, sizeof sector);
    put_le16(sector + 0x1FE, 0xAA55);
}

static void teardown(void)
{
    blk_close(blk);
}

static void partition(unsigned at, u8 type, u32 start, u32 count)
{
    sector[at + 4] = type;
    put_le32(sector + at + 8, start);
    put_le32(sector + at + 12, count);
}

static bool whole_disk(void)
{
    blk_write(blk, 0, 1, sector);
    return media_is_whole(blk, "hda", false, err, sizeof err);
}

TestSuite(media_size, .init = setup, .fini = teardown);

Test(media_size, disk_whose_partitions_fit_is_whole)
{
    partition(PARTITION_1, 6, 63, 50 * MB);
    partition(PARTITION_2, 0x83, 50 * MB + 63, 50 * MB - 63);
    cr_assert(whole_disk(), "%s", err);
}

Test(media_size, partition_may_round_up_to_a_cylinder)
{
    partition(PARTITION_1, 6, 63, 100 * MB + 1000);
    cr_assert(whole_disk(), "%s", err);
}

Test(media_size, partition_behind_the_end_was_cut)
{
    partition(PARTITION_2, 0x0C, 63, 300 * MB - 63);
    cr_assert_not(whole_disk());
    cr_assert_eq(err,
                 strstr(err, "hda: 'memory': partition 2 ends at 300.0 MB, but the file at "
                             "100.0: it was cut short; copy it again"),
                 "%s", err);
}

Test(media_size, code_in_place_of_a_table_is_no_table)
{
    partition(PARTITION_1, 6, 63, 300 * MB);
    sector[PARTITION_2] = 0xB4; /* neither active nor inactive */
    cr_assert(whole_disk(), "%s", err);
    sector[PARTITION_2] = 0;
    sector[0x1FE] = 0;
    cr_assert(whole_disk(), "%s", err);
}

Test(media_size, gpt_protects_more_than_there_is)
{
    partition(PARTITION_1, 0xEE, 1, 0xFFFFFFFF);
    cr_assert(whole_disk(), "%s", err);
}

static bool whole_cd(u32 blocks)
{
    memcpy(sector, "\1CD001\1", 7);
    put_le32(sector + 80, blocks);
    put_le16(sector + 128, 2048);
    blk_write(blk, 64, 4, sector);
    return media_is_whole(blk, "hdc", true, err, sizeof err);
}

Test(media_size, cd_may_lack_the_gap_behind_its_track)
{
    cr_assert(whole_cd(100 * 512), "%s", err);
    cr_assert(whole_cd(100 * 512 + 150), "%s", err);
}

Test(media_size, cd_with_more_blocks_than_the_file_was_cut)
{
    cr_assert_not(whole_cd(650 * 512));
    cr_assert_eq(err,
                 strstr(err, "hdc: 'memory': its file system ends at 650.0 MB, but the file at "
                             "100.0: it was cut short; copy it again"),
                 "%s", err);
}

Test(media_size, cd_without_a_descriptor_is_taken_as_it_is)
{
    cr_assert(media_is_whole(blk, "hdc", true, err, sizeof err));
}
