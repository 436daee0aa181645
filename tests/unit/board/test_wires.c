/* Wires between chips, and from chips to the outside: a guest on the whole board pulls them. */
#include "devices/board/machine.h"
#include "devices/chipset/debug_ports.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DATA = 0x2000, CD_BYTES = 64 * 2048 };

static struct machine *m;
static struct machine_listener listener;
static unsigned ejected, panicked;
static char err[300];

static void hear(void *opaque, enum machine_event e)
{
    ejected += e == MACHINE_EVENT_EJECTED;
    panicked += e == MACHINE_EVENT_PANICKED;
}

static void setup(void)
{
    m = bare_machine_new(NULL, err, sizeof err);
    cr_assert(m, "%s", err);
    listener.event = hear;
    machine_listen(m, &listener);
}

static void teardown(void)
{
    machine_free(m);
}

/* For two seconds of the guest's, unless it halts. */
static void run(const u8 *code, size_t len)
{
    u32 at = bare_machine_prepare(m);

    machine_write_physical(m, at, code, len);
    machine_run(m, machine_now_ns(m) + 2000000000);
}

TestSuite(wires, .init = setup, .fini = teardown, .timeout = 60);

/* The RTC's update interrupt; then waits for PMSTS bit 10. PIIX4 data sheet, "PMSTS", RTC_STS. */
Test(wires, rtc_interrupt_reaches_power_management)
{
    static const u8 code[] = {
        0xFA,                               /* cli */
        0x66, 0xB8, 0x40, 0x0B, 0x00, 0x80, /* mov eax, 80000B40h: PMBA */
        0x66, 0xBB, 0x01, 0x06, 0x00, 0x00, /* mov ebx, 601h */
        0xE8, 0x2D, 0x00,                   /* call config */
        0x66, 0xB8, 0x80, 0x0B, 0x00, 0x80, /* mov eax, 80000B80h: PMREGMISC */
        0x66, 0xBB, 0x01, 0x00, 0x00, 0x00, /* mov ebx, 1 */
        0xE8, 0x1E, 0x00,                   /* call config */
        0xB0, 0x0A, 0xE6, 0x70,             /* register A: */
        0xB0, 0x26, 0xE6, 0x71,             /*   divider on */
        0xB0, 0x0B, 0xE6, 0x70,             /* register B: */
        0xB0, 0x12, 0xE6, 0x71,             /*   UIE, 24 hours */
        0xBA, 0x00, 0x06,                   /* mov dx, 600h */
        0xED,                               /* wait: in ax, dx */
        0xF6, 0xC4, 0x04,                   /* test ah, 4 */
        0x74, 0xFA,                         /* jz wait */
        0xFE, 0x06, 0x00, 0x20,             /* inc byte [DATA] */
        0xF4,                               /* hlt */
        0xBA, 0xF8, 0x0C, 0x66, 0xEF,       /* config: mov dx, 0CF8h; out dx, eax */
        0xBA, 0xFC, 0x0C, 0x66, 0x93,       /* mov dx, 0CFCh; xchg eax, ebx */
        0x66, 0xEF, 0xC3,                   /* out dx, eax; ret */
    };
    u8 seen = 0;

    run(code, sizeof code);
    machine_read_physical(m, DATA, &seen, 1);
    cr_assert_eq(seen, 1);
}

/* SeaBIOS leaves the bit as it finds it; PCI Local Bus Specification, "Device Control": bit 2. */
Test(wires, the_ide_function_is_a_bus_master_before_firmware_runs)
{
    static const u8 code[] = {
        0x66, 0xB8, 0x04, 0x09, 0x00, 0x80, /* mov eax, 80000904h: command of 00:01.1 */
        0xBA, 0xF8, 0x0C, 0x66, 0xEF,       /* mov dx, 0CF8h; out dx, eax */
        0xB2, 0xFC, 0xED,                   /* mov dl, 0FCh; in ax, dx */
        0xA3, 0x00, 0x20, 0xF4,             /* mov [DATA], ax; hlt */
    };
    u8 command[2] = {0};

    run(code, sizeof code);
    machine_read_physical(m, DATA, command, 2);
    cr_assert_eq(command[0], 4);
    cr_assert_eq(command[1], 0);
    memset(command, 0, sizeof command);
    machine_write_physical(m, DATA, command, 2);
    machine_reset(m);
    run(code, sizeof code);
    machine_read_physical(m, DATA, command, 2);
    cr_assert_eq(command[0], 4, "after a reset, too");
}

/* Fifty periodic interrupts, where the RTC's wire is the bridge's, and where it is the HPET's. */
Test(wires, rtc_interrupts_as_often_as_it_likes_with_and_without_apic)
{
    static const u8 code[] = {
        0xB0, 0x0A, 0xE6, 0x70, 0xB0, 0x26, 0xE6, 0x71, /* register A: 1024 Hz */
        0xB0, 0x0B, 0xE6, 0x70, 0xB0, 0x42, 0xE6, 0x71, /* register B: PIE, 24 hours */
        0xB0, 0x0C, 0xE6, 0x70, 0xB9, 0x32, 0x00,       /* register C; mov cx, 50 */
        0xE4, 0x71, 0xA8, 0x80, 0x74, 0xFA,             /* until IRQF, which reading clears */
        0xE2, 0xF8,                                     /* loop */
        0xFE, 0x06, 0x00, 0x20, 0xF4,                   /* inc byte [DATA]; hlt */
    };
    u8 seen = 0;

    run(code, sizeof code);
    machine_read_physical(m, DATA, &seen, 1);
    cr_assert_eq(seen, 1);
    machine_free(m);
    m = bare_machine_new_cpu("486", NULL, err, sizeof err);
    cr_assert(m, "%s", err);
    run(code, sizeof code);
    machine_read_physical(m, DATA, &seen, 1);
    cr_assert_eq(seen, 1);
}

/* mov dx, 505h; in al, dx; mov [DATA], al; mov al, 1; out dx, al; hlt */
Test(wires, a_panic_is_heard)
{
    u8 events = 0;

    run((const u8 *)"\xBA\x05\x05\xEC\xA2\x00\x20\xB0\x01\xEE\xF4", 11);
    machine_read_physical(m, DATA, &events, 1);
    cr_assert_eq(events, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
    cr_assert_eq(panicked, 1);
}

static void insert_cd(char *path)
{
    int fd = mkstemp(path);

    cr_assert(fd >= 0 && ftruncate(fd, CD_BYTES) == 0);
    close(fd);
    cr_assert_eq(machine_insert(m, DRIVE_HDC, path, err, sizeof err), 0, "%s", err);
    unlink(path);
}

static bool block_report_says(const char *what)
{
    char report[4096];

    machine_info(m, "block", report, sizeof report);
    return strstr(report, what);
}

/* START STOP UNIT with LoEj, twice: the first one hears of the new disc (unit attention). */
static const u8 eject[] = {
    0x66, 0xB8, 0x04, 0x09, 0x00, 0x80, /* mov eax, 80000904h: the IDE function's command */
    0x66, 0xBB, 0x01, 0x00, 0x00, 0x00, /* mov ebx, 1: I/O space */
    0xE8, 0x16, 0x00,                   /* call config */
    0x66, 0xB8, 0x40, 0x09, 0x00, 0x80, /* mov eax, 80000940h: IDETIM */
    0x66, 0xBB, 0x00, 0x80, 0x00, 0x80, /* mov ebx, 80008000h: decode both channels */
    0xE8, 0x07, 0x00,                   /* call config */
    0xE8, 0x11, 0x00, 0xE8, 0x0E, 0x00, /* call packet; call packet */
    0xF4,                               /* hlt */
    0xBA, 0xF8, 0x0C, 0x66, 0xEF,       /* config: mov dx, 0CF8h; out dx, eax */
    0xBA, 0xFC, 0x0C, 0x66, 0x93,       /* mov dx, 0CFCh; xchg eax, ebx */
    0x66, 0xEF, 0xC3,                   /* out dx, eax; ret */
    0xBA, 0x77, 0x01,                   /* packet: mov dx, 177h */
    0xB0, 0xA0, 0xEE,                   /* PACKET */
    0xEC, 0x24, 0x89, 0x3C, 0x08,       /* until DRQ alone of BSY, DRQ, ERR */
    0x75, 0xF9,                         /* */
    0xBA, 0x70, 0x01, 0xBE, 0x00, 0x20, /* mov dx, 170h; mov si, DATA */
    0xB9, 0x06, 0x00, 0xF3, 0x6F,       /* mov cx, 6; rep outsw */
    0xBA, 0x77, 0x01,                   /* mov dx, 177h */
    0xEC, 0xA8, 0x88, 0x75, 0xFB,       /* until neither BSY nor DRQ */
    0xC3,                               /* ret */
};

Test(wires, a_guest_puts_its_cd_out)
{
    static const u8 start_stop[12] = {0x1B, 0, 0, 0, 2};
    char path[] = "/tmp/test_wires.XXXXXX";

    insert_cd(path);
    cr_assert(block_report_says(path));
    machine_write_physical(m, DATA, start_stop, sizeof start_stop);
    run(eject, sizeof eject);
    cr_assert_eq(ejected, 1);
    cr_assert(block_report_says("hdc  cd-rom, empty"));
}

Test(wires, a_cd_goes_in_where_one_was_put_out)
{
    static const u8 start_stop[12] = {0x1B, 0, 0, 0, 2};
    char first[] = "/tmp/test_wires.XXXXXX", second[] = "/tmp/test_wires.XXXXXX";

    insert_cd(first);
    machine_write_physical(m, DATA, start_stop, sizeof start_stop);
    run(eject, sizeof eject);
    insert_cd(second);
    machine_run(m, machine_now_ns(m) + 1000000);
    cr_assert(block_report_says(second));
    cr_assert_eq(ejected, 1);
}
