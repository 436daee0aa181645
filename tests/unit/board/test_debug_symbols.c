/* Symbols from ELF, PE and map files. */
#include "devices/board/debug_symbols.h"

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <string.h>

static struct symbols *s;
static char err[300];
static u8 file[1024];

static void setup(void)
{
    s = symbols_new();
    memset(file, 0, sizeof file);
}

static void teardown(void)
{
    symbols_free(s);
}

TestSuite(debug_symbols, .init = setup, .fini = teardown);

static int load_text(const char *text, u64 base)
{
    return symbols_load(s, (const u8 *)text, strlen(text), base, err, sizeof err);
}

static u64 address(const char *name)
{
    u64 a = 0;

    cr_assert(symbols_find(s, name, &a), "%s", name);
    return a;
}

Test(debug_symbols, maps_of_nm_are_read)
{
    cr_assert_eq(load_text("c0100000 T _text\nc0100010 t do_it.5\n         U missing\n", 0), 2);
    cr_assert_eq(address("do_it.5"), 0xC0100010);
}

Test(debug_symbols, maps_of_nasm_are_read)
{
    cr_assert_eq(load_text("Real  Virtual  Name\n 7C00  7C00  start\n 7C1E  7C1E  print.next\n", 0),
                 2);
    cr_assert_eq(address("print.next"), 0x7C1E);
}

Test(debug_symbols, maps_of_dos_linkers_are_read)
{
    cr_assert_eq(load_text("  Address   Publics by Value\n 0001:0004   idle  _main\n"
                           " 0012:0000  Abs  _etext\n 0012:0008       _data\n",
                           0x1000),
                 3);
    cr_assert_eq(address("_main"), 0x1014);
    cr_assert_eq(address("_data"), 0x1128);
}

Test(debug_symbols, maps_of_microsoft_give_the_address_itself)
{
    cr_assert_eq(load_text(" 0001:00000123       _main    00401123 f   main.obj\r\n", 0), 1);
    cr_assert_eq(address("_main"), 0x401123);
}

Test(debug_symbols, maps_of_gnu_ld_are_read)
{
    cr_assert_eq(load_text(".text           0x00007c00       0x20\n"
                           " .text          0x00007c00       0x20 a.o\n"
                           "                0x00007c04                start\n"
                           "                0x00007c20                . = ALIGN (0x4)\n",
                           0),
                 1);
    cr_assert_eq(address("start"), 0x7C04);
}

static void elf_section(unsigned n, u32 type, u32 address_, u32 offset, u32 size, u32 link)
{
    u8 *p = file + 0x200 + n * 40;

    put_le32(p + 4, type);
    put_le32(p + 12, address_);
    put_le32(p + 16, offset);
    put_le32(p + 20, size);
    put_le32(p + 24, link);
}

static void make_elf(void)
{
    memcpy(file,
           "\x7F"
           "ELF\1\1\1",
           7);
    put_le16(file + 16, 2);
    put_le32(file + 32, 0x200);
    put_le16(file + 48, 3);
    elf_section(1, 2, 0, 0x100, 48, 2);
    elf_section(2, 3, 0, 0x180, 16, 0);
    memcpy(file + 0x180, "\0main\0a.c\0", 11);
    put_le32(file + 0x110, 1); /* symbol 1: main */
    put_le32(file + 0x114, 0x8048000);
    file[0x11C] = 0x12;
    put_le16(file + 0x11E, 1);
    put_le32(file + 0x120, 6); /* symbol 2: a file */
    file[0x12C] = 4;
    put_le16(file + 0x12E, 0xFFF1);
}

Test(debug_symbols, elf_files_are_read)
{
    make_elf();
    cr_assert_eq(symbols_load(s, file, sizeof file, 0x1000, err, sizeof err), 1);
    cr_assert_eq(address("main"), 0x8049000);
}

Test(debug_symbols, elf_files_that_are_cut_off_are_refused)
{
    make_elf();
    for (size_t len = 0; len < 0x200 + 2 * 40; len++) {
        cr_assert_eq(symbols_load(s, file, len, 0, err, sizeof err), -1);
        cr_assert_eq(symbols_count(s), 0);
    }
}

Test(debug_symbols, pe_symbol_tables_are_read)
{
    memcpy(file, "MZ", 2);
    put_le32(file + 60, 64);
    memcpy(file + 64, "PE\0\0", 4);
    put_le16(file + 64 + 6, 1);      /* sections */
    put_le32(file + 64 + 12, 0x200); /* symbol table */
    put_le32(file + 64 + 16, 2);     /* symbols */
    put_le16(file + 64 + 20, 224);   /* optional header */
    put_le16(file + 64 + 24, 0x10B); /* PE32 */
    put_le32(file + 64 + 24 + 28, 0x400000);
    put_le32(file + 64 + 24 + 224 + 12, 0x1000); /* section 1 */
    memcpy(file + 0x200, "_start", 6);
    put_le32(file + 0x208, 0x20);
    put_le16(file + 0x20C, 1);
    file[0x210] = 2;
    put_le32(file + 0x216, 4); /* a long name, in the table behind */
    put_le32(file + 0x21A, 0x30);
    put_le16(file + 0x21E, 1);
    file[0x222] = 2;
    put_le32(file + 0x224, 20);
    memcpy(file + 0x228, "_a_long_name", 13);
    cr_assert_eq(symbols_load(s, file, sizeof file, 0, err, sizeof err), 2, "%s", err);
    cr_assert_eq(address("_start"), 0x401020);
    cr_assert_eq(address("_a_long_name"), 0x401030);
}

Test(debug_symbols, the_symbol_before_an_address_is_found)
{
    u64 offset;

    load_text("2000 T b\n1000 T a\n", 0);
    cr_assert_str_eq(symbols_at(s, 0x1005, &offset), "a");
    cr_assert_eq(offset, 5);
    cr_assert_str_eq(symbols_at(s, 0x2000, &offset), "b");
    cr_assert_eq(offset, 0);
    cr_assert_null(symbols_at(s, 0xFFF, &offset));
    cr_assert_null(symbols_at(s, 0x2000 + 0x10000, &offset));
}

Test(debug_symbols, a_file_without_any_says_so)
{
    cr_assert_eq(load_text("nothing here\n", 0), -1);
    cr_assert_str_eq(err, "no symbols (wanted: ELF or PE with a symbol table, or a map)");
}
