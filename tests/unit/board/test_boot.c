/*
 * Direct boot: what the expansion ROM is told to load and where to jump. Layouts from the ELF
 * specification 1.2, the Multiboot Specification 0.6.96 and "The Linux/x86 Boot Protocol".
 */
#include "devices/board/boot.h"

#include "base/bytes.h"
#include "devices/board/board.h"
#include "devices/chipset/fwcfg.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PLAN_KIND = 2, PLAN_ENTRY = 4, PLAN_FIRST = 16, IMAGE = 0x2000 };

static struct rig rig;
static struct board board;
static struct machine_config config;
static char path[] = "/tmp/test_boot.XXXXXX", err[300];
static u8 image[IMAGE], plan[512];

static void setup(void)
{
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    rig_setup(&rig);
    config = (struct machine_config){.mem_bytes = 16 * MiB, .kernel = path};
    board = (struct board){.config = &config, .log = rig.log, .fwcfg = fwcfg_create(rig.bus)};
}

static void teardown(void)
{
    unlink(path);
    device_destroy(board.fwcfg);
    rig_teardown(&rig);
}

static void read_item(u16 key, u8 *out, unsigned len)
{
    bus_out(rig.bus, 0x510, 2, key);
    for (unsigned i = 0; i < len; i++)
        out[i] = (u8)bus_in(rig.bus, 0x511, 1);
}

static bool boot(size_t len)
{
    FILE *f = fopen(path, "wb");
    bool ok;

    cr_assert_eq(fwrite(image, 1, len, f), len);
    fclose(f);
    ok = boot_direct(&board, err, sizeof err);
    read_item(FWCFG_SETUP_DATA, plan, sizeof plan);
    return ok;
}

/* An ELF file of one segment of 100h bytes at file offset 1000h, with a multiboot header. */
static void make_elf(u32 virtual, u32 physical, u32 entry)
{
    u8 *program = image + 52, *header = image + 0x1000;

    memset(image, 0, sizeof image);
    memcpy(image,
           "\x7f"
           "ELF\1\1\1",
           7);
    put_le16(image + 16, 2); /* executable */
    put_le16(image + 18, 3); /* 80386 */
    put_le32(image + 24, entry);
    put_le32(image + 28, 52);
    put_le16(image + 42, 32);
    put_le16(image + 44, 1);
    put_le32(program, 1); /* PT_LOAD */
    put_le32(program + 4, 0x1000);
    put_le32(program + 8, virtual);
    put_le32(program + 12, physical);
    put_le32(program + 16, 0x100);
    put_le32(program + 20, 0x100);
    put_le32(header, 0x1BADB002);
    put_le32(header + 8, -0x1BADB002u);
}

TestSuite(boot, .init = setup, .fini = teardown);

Test(boot, elf_is_entered_where_it_says)
{
    make_elf(0x100000, 0x100000, 0x100010);
    cr_assert(boot(IMAGE), "%s", err);
    cr_assert_eq(get_le16(plan + PLAN_KIND), 1);
    cr_assert_eq(get_le32(plan + PLAN_ENTRY), 0x100010);
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 4), 0x100, "length of the first piece");
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 8), 0x100000, "address of the first piece");
}

Test(boot, virtual_entry_point_is_entered_at_its_physical_address)
{
    make_elf(0xC0100000, 0x100000, 0xC0100010);
    cr_assert(boot(IMAGE), "%s", err);
    cr_assert_eq(get_le32(plan + PLAN_ENTRY), 0x100010);
}

Test(boot, entry_point_outside_all_segments_stays)
{
    make_elf(0xC0100000, 0x100000, 0xC0100100);
    cr_assert(boot(IMAGE), "%s", err);
    cr_assert_eq(get_le32(plan + PLAN_ENTRY), 0xC0100100);
}

Test(boot, elf_cut_short_is_refused)
{
    make_elf(0x100000, 0x100000, 0x100010);
    cr_assert_not(boot(0x1080));
    cr_assert(strstr(err, path) && strstr(err, "damaged"), "%s", err);
}

Test(boot, segment_beyond_memory_is_refused_with_a_remedy)
{
    make_elf(0x10000000, 0x10000000, 0x10000000);
    cr_assert_not(boot(IMAGE));
    cr_assert(strstr(err, "--mem"), "%s", err);
}

Test(boot, file_that_is_no_kernel_is_refused)
{
    memset(image, 'x', sizeof image);
    cr_assert_not(boot(IMAGE));
    cr_assert(strstr(err, path) && strstr(err, "neither a Linux kernel"), "%s", err);
}

/* A bzImage whose setup code has one sector beyond the boot sector. */
static void make_linux(void)
{
    memset(image, 0, sizeof image);
    image[0x1F1] = 1;
    put_le32(image + 0x1F4, (IMAGE - 0x400) / 16);
    put_le16(image + 0x1FE, 0xAA55);
    memcpy(image + 0x202, "HdrS", 4);
    put_le16(image + 0x206, 0x20F);
    image[0x211] = 1;                    /* LOADED_HIGH */
    put_le32(image + 0x22C, 0x37FFFFFF); /* initrd_addr_max */
    put_le32(image + 0x238, 20);         /* cmdline_size */
}

Test(boot, linux_setup_is_low_and_the_kernel_at_one_megabyte)
{
    make_linux();
    config.append = "quiet";
    cr_assert(boot(IMAGE), "%s", err);
    cr_assert_eq(get_le16(plan + PLAN_KIND), 0);
    cr_assert_eq(get_le32(plan + PLAN_ENTRY), 0x1000, "segment of the setup code");
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 8), 0x10000);
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 4), 0x400);
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 12 + 8), 0x100000);
    cr_assert_eq(get_le32(plan + PLAN_FIRST + 12 + 4), IMAGE - 0x400);
}

Test(boot, command_line_longer_than_the_kernel_takes_is_refused)
{
    make_linux();
    config.append = "twenty-one characters";
    cr_assert_not(boot(IMAGE));
    cr_assert(strstr(err, "--append"), "%s", err);
}

Test(boot, kernel_cut_inside_its_setup_code_is_refused)
{
    make_linux();
    image[0x1F1] = 30;
    cr_assert_not(boot(IMAGE));
    cr_assert(strstr(err, path) && strstr(err, "ends inside"), "%s", err);
}

Test(boot, kernel_cut_behind_its_setup_code_is_refused)
{
    make_linux();
    cr_assert(boot(IMAGE - 15), "the last paragraph may be short: %s", err);
    cr_assert_not(boot(IMAGE - 16));
    cr_assert(strstr(err, path) && strstr(err, "shorter"), "%s", err);
}

Test(boot, initial_ram_disk_that_does_not_fit_names_the_option)
{
    FILE *f;

    make_linux();
    config.initrd = path; /* grown below: a sparse file of 20 MiB */
    f = fopen(path, "wb");
    cr_assert_eq(fwrite(image, 1, IMAGE, f), IMAGE);
    fclose(f);
    cr_assert_eq(truncate(path, 20 * MiB), 0);
    config.mem_bytes = 64 * MiB;
    cr_assert(boot_direct(&board, err, sizeof err), "%s", err);
    config.mem_bytes = 32 * MiB;
    cr_assert_not(boot_direct(&board, err, sizeof err));
    cr_assert(strstr(err, "--mem"), "%s", err);
}
