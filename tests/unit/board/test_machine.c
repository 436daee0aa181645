/* The machine as debuggers and sockets see it, without firmware. */
#include "devices/board/machine.h"

#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <string.h>

static struct machine *m;
static struct machine_listener listener;
static char heard[64];

static void hear(void *opaque, enum machine_event e)
{
    size_t len = strlen(heard);

    cr_assert_eq(opaque, &heard);
    if (len + 1 < sizeof heard)
        heard[len] = "SCRPX"[e]; /* stop, continue, reset, power button, ended */
}

static void setup(void)
{
    char err[300];

    m = bare_machine_new(NULL, err, sizeof err);
    cr_assert(m, "%s", err);
    listener = (struct machine_listener){.event = hear, .opaque = &heard};
    machine_listen(m, &listener);
}

static void teardown(void)
{
    machine_free(m);
}

/* The program at the end of what prepares the machine, for a while. */
static void run(const void *code, size_t len)
{
    u32 at = bare_machine_prepare(m);

    machine_write_physical(m, at, code, len);
    machine_run(m, machine_now_ns(m) + 1000000);
}

TestSuite(machine, .init = setup, .fini = teardown, .timeout = 60);

Test(machine, a_listener_hears_the_machine_stop_and_go_on)
{
    machine_set_paused(m, true);
    machine_set_paused(m, true);
    machine_set_paused(m, false);
    cr_assert_str_eq(heard, "SC");
}

Test(machine, a_listener_hears_a_reset_when_it_is_done)
{
    machine_reset(m);
    cr_assert_str_eq(heard, "R");
    run("\xF4", 1);
    cr_assert_str_eq(heard, "R");
}

/* mov dx, 0CF9h; mov al, 6; out dx, al (PIIX4 data sheet, "Reset Control Register") */
Test(machine, a_listener_hears_the_guest_reset)
{
    run("\xBA\xF9\x0C\xB0\x06\xEE\xEB\xFE", 8);
    cr_assert_eq(heard[0], 'R');
}

Test(machine, a_listener_hears_the_power_button)
{
    machine_powerdown(m);
    cr_assert_str_eq(heard, "P");
}

Test(machine, who_listens_no_more_hears_nothing)
{
    machine_unlisten(m, &listener);
    machine_unlisten(m, &listener);
    machine_set_paused(m, true);
    cr_assert_str_eq(heard, "");
}

Test(machine, linear_memory_is_written_as_it_is_read)
{
    char data[6] = "";

    cr_assert_eq(machine_write_linear(m, 0x2FFE, "bygone", 6), 6);
    cr_assert_eq(machine_read_physical(m, 0x2FFE, data, 6), 6);
    cr_assert_arr_eq(data, "bygone", 6);
}

/* Page tables by hand: directory at 4000h, one table at 5000h, page 2 at 6000h, page 3 absent. */
Test(machine, linear_memory_is_written_through_page_tables_and_marks_nothing)
{
    u32 pde = 0x5003, entries[4] = {3, 0x1003, 0x6003, 0}, kept[4];

    /* mov eax, 4000h; mov cr3, eax; mov eax, cr0; or eax, 80000001h; mov cr0, eax; jmp $ */
    machine_write_physical(m, 0x4000, &pde, 4);
    machine_write_physical(m, 0x5000, entries, 16);
    run("\xFA\x66\xB8\x00\x40\x00\x00\x0F\x22\xD8\x0F\x20\xC0\x66\x0D\x01\x00\x00\x80\x0F\x22\xC0"
        "\xEB\xFE",
        24);
    machine_read_physical(m, 0x5000, kept, 16);
    cr_assert_eq(machine_write_linear(m, 0x2FFE, "abcd", 4), 2);
    machine_read_physical(m, 0x5000, entries, 16);
    cr_assert_eq(entries[2], kept[2]);
    cr_assert_eq(machine_read_physical(m, 0x6FFE, entries, 2), 2);
    cr_assert_arr_eq(entries, "ab", 2);
}
