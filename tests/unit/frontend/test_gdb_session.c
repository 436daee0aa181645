/*
 * What gdb's packets do to a machine without firmware. Packets and answers as in the GDB manual,
 * "Remote Protocol".
 */
#include "frontend/gdb_session.h"

#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "devices/board/debug.h"
#include "devices/board/machine.h"
#include "frontend/gdb_packet.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct machine *m;
static struct gdb_session *s;
static struct gdb_output out;
static unsigned wakes, quits;

static void wake(void *opaque)
{
    wakes++;
}

static void quit(void *opaque, int code)
{
    quits++;
}

static void setup_with(bool reset_on_triple_fault)
{
    struct gdb_session_host host = {.wake = wake, .quit = quit};
    struct machine_config config;
    char err[300];

    bare_machine_config(&config);
    config.reset_on_triple_fault = reset_on_triple_fault;
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
    host.machine = m;
    s = gdb_session_new(&host);
}

static void setup(void)
{
    setup_with(true);
}

static void teardown(void)
{
    gdb_session_free(s);
    gdb_output_free(&out);
    machine_free(m);
}

TestSuite(gdb_session, .init = setup, .fini = teardown, .timeout = 60);

/* The packets in `out`, taken out of their frames, with a blank between. */
static const char *answers(void)
{
    static char text[40000];
    struct gdb_input in = {0};
    size_t len = 0;

    for (size_t i = 0; i < out.len; i++) {
        u8 byte = out.data[i];
        enum gdb_event e;

        if (byte == '*' && in.state == 1) { /* a run: GDB's side expands it */
            for (int n = out.data[++i] - 29; n; n--)
                in.data[in.len] = in.data[in.len - 1], in.len++;
            in.sum = (u8)(in.sum + '*' + out.data[i]);
            continue;
        }
        e = gdb_input_byte(&in, byte);
        cr_assert_neq(e, GDB_BAD_PACKET);
        if (e == GDB_PACKET)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "", in.data);
    }
    if (!len)
        text[0] = 0;
    out.len = 0;
    return text;
}

static char command[100]; /* of the monitor, that was asked for last */

/* Commands of the monitor print "done". */
static const char *ask(const char *packet)
{
    const char *line = gdb_session_packet(s, packet, strlen(packet), &out);

    snprintf(command, sizeof command, "%s", line ? line : "");
    if (line)
        gdb_session_printed(s, "done", 4, &out);
    return answers();
}

static const char *news(void)
{
    gdb_session_news(s, false, &out);
    return answers();
}

static void expect(const char *packet, const char *answer)
{
    cr_assert_str_eq(ask(packet), answer, "%s", packet);
}

/* A program at BARE_CODE, at its first instruction. */
static void put(const char *code, size_t len)
{
    struct cpu *c = machine_cpu(m, 0);

    bare_machine_prepare(m);
    machine_write_physical(m, BARE_CODE, code, len);
    while (c->rip != BARE_CODE || c->seg[SEG_CS].base) {
        debug_step(machine_debug(m), DEBUG_STEP_INTO, 1);
        machine_run(m, machine_now_ns(m) + 1000000);
    }
}

/* As the front end does: a debugger's stop is a pause. */
static void run(void)
{
    u64 until = machine_now_ns(m) + 10000000;

    if (!machine_is_paused(m) && machine_run(m, until) == MACHINE_DEBUG)
        machine_set_paused(m, true);
}

Test(gdb_session, the_first_packet_stops_the_machine_and_the_end_lets_it_go)
{
    cr_assert_not(machine_is_paused(m));
    ask("?");
    cr_assert(machine_is_paused(m));
    gdb_session_close(s);
    cr_assert_not(machine_is_paused(m));
}

Test(gdb_session, a_connection_without_packets_changes_nothing)
{
    gdb_session_close(s);
    cr_assert_not(machine_is_paused(m));
}

Test(gdb_session, unknown_packets_get_the_empty_answer)
{
    expect("", "");
    expect("vMustReplyEmpty", "");
    expect("qUnknown", "");
    expect("!", "");
    expect("Z9,0,1", "");
}

Test(gdb_session, features_are_announced)
{
    const char *answer = ask("qSupported:multiprocess+;swbreak+;hwbreak+");

    cr_assert(strstr(answer, "PacketSize=4000;"));
    cr_assert(strstr(answer, "swbreak+"));
    cr_assert(strstr(answer, "qXfer:features:read+"));
    expect("qfThreadInfo", "m1");
    expect("qsThreadInfo", "l");
    expect("qC", "QC1");
    expect("qAttached", "1");
    expect("Hg0", "OK");
    expect("T1", "OK");
    cr_assert_not(gdb_session_no_ack(s));
    expect("QStartNoAckMode", "OK");
    cr_assert(gdb_session_no_ack(s));
}

Test(gdb_session, the_description_is_read_in_pieces)
{
    static char whole[20000], pieces[20000];
    char packet[80];
    size_t len = 0, n;
    const char *answer;

    snprintf(whole, sizeof whole, "%s", ask("qXfer:features:read:target.xml:0,3fff"));
    cr_assert_eq(whole[0], 'l');
    do {
        snprintf(packet, sizeof packet, "qXfer:features:read:target.xml:%zx,101", len);
        answer = ask(packet);
        n = strlen(answer + 1);
        memcpy(pieces + len, answer + 1, n + 1);
        len += n;
    } while (*answer == 'm');
    cr_assert_str_eq(pieces, whole + 1);
    cr_assert(strstr(whole, "<architecture>i8086</architecture>"));
    expect("qXfer:features:read:target.xml:ffffffffffffffff,10", "l");
    expect("qXfer:features:read:other.xml:0,10", "E00");
    ask("qRcmd,6764622d617263682069333836"); /* gdb-arch i386 */
    cr_assert(strstr(ask("qXfer:features:read:target.xml:0,3fff"), "<architecture>i386<"));
}

Test(gdb_session, registers_are_read_as_they_lie_in_memory)
{
    struct cpu *c = machine_cpu(m, 0);

    c->gpr[RAX] = 0x11223344;
    c->seg[SEG_ES].sel = 0xB800;
    c->cr0 |= CR0_TS;
    c->fpu.cw = 0x37F;
    expect("p0", "44332211");
    expect("pd", "00b80000");  /* es */
    expect("p18", "7f030000"); /* fctrl */
    expect("p33", "18000060"); /* cr0 after reset (SDM Vol. 3A), and TS */
    cr_assert_eq(strlen(ask("g")), 2 * (16 * 4 + 8 * 10 + 8 * 4 + 29 * 4));
    expect("pffff", "E16");
    expect("p", "E16");
}

Test(gdb_session, registers_are_written)
{
    struct cpu *c = machine_cpu(m, 0);

    put("\x90\xF4", 2);
    expect("P0=78563412", "OK");
    cr_assert_eq(c->gpr[RAX], 0x12345678);
    expect("P9=d7080000", "OK"); /* flags: CF PF AF ZF SF OF */
    cr_assert_eq(cpu_flags(c) & EF_ARITH, EF_ARITH);
    expect("P9=00000200", "E.VM does not change alone");
    expect("P10=00000000000000c0ff3f", "OK");
    cr_assert_eq(c->fpu.reg[c->fpu.top][9], 0x3F);
    expect("P1b=00000000", "OK"); /* an x87 pointer */
    expect("Pd=00b80000", "OK");
    cr_assert_eq(c->seg[SEG_ES].base, 0xB8000);
    expect("P0=7856341", "E16");
    expect("P0", "E16");
    expect("Pzz=00000000", "E16");
}

static bool refused(const char *packet)
{
    return !strncmp(ask(packet), "E.", 2);
}

/* With the checks of MOV to CR0 to CR4 (SDM Vol. 3A, "Control Registers"). */
Test(gdb_session, system_registers_are_written_with_their_checks)
{
    struct cpu *c = machine_cpu(m, 0);

    put("\x90\xF4", 2);
    expect("P33=3a000000", "OK"); /* cr0: MP, NE, TS, ET */
    cr_assert_eq(c->cr0, 0x3Au);
    cr_assert(refused("P33=00000080"), "PG without PE");
    cr_assert(refused("P33=00000020"), "NW without CD");
    cr_assert_eq(c->cr0, 0x3Au);
    cr_assert_not(c->fault.pending);
    expect("P35=00500000", "OK"); /* cr3 */
    cr_assert_eq(c->mmu.paging.cr3, 0x5000u);
    cr_assert(refused("P36=00000080"), "bit 31 of CR4");
    expect("P36=10000000", "OK"); /* PSE */
    expect("P22=00001200", "OK"); /* ds_base: es_base is three further */
    cr_assert_eq(c->seg[SEG_DS].base, 0x120000u);
    cr_assert_eq(c->seg[SEG_DS].sel, 0);
    expect("P2c=00000900", "OK"); /* gdtr_base */
    expect("P2d=ff000000", "OK");
    cr_assert_eq(c->gdtr.base, 0x90000u);
    cr_assert_eq(c->gdtr.limit, 0xFF);
    cr_assert(refused("P2d=00000100"));
    expect("P37=00800000", "OK"); /* dr0 */
    cr_assert_eq(c->dr[0], 0x8000u);
    expect("P26=ffff0000", "OK"); /* a limit, as it is */
    cr_assert_str_eq(ask("P26=ff000000"), "E.it can only be read");
}

Test(gdb_session, all_registers_are_written_back_as_they_were_read)
{
    static char packet[2000];

    put("\x90\xF4", 2);
    snprintf(packet, sizeof packet, "G%s", ask("g"));
    expect(packet, "OK");
    packet[1] = packet[1] == '1' ? '2' : '1';
    expect(packet, "OK");
    cr_assert_eq(machine_cpu(m, 0)->gpr[RAX] >> 4 & 15, (u64)(packet[1] - '0'));
    packet[100] = 'x';
    expect(packet, "E16");
}

Test(gdb_session, the_program_counter_is_linear_or_an_offset)
{
    struct cpu *c = machine_cpu(m, 0);

    /* jmp 0100h:0005h, which is 1005h */
    put("\xEA\x05\x00\x00\x01\x90\x90\xF4", 8);
    ask("vCont;s");
    run();
    cr_assert(strstr(news(), "08:05100000;"));
    cr_assert_eq(c->rip, 5);
    expect("p8", "05100000");
    expect("P8=06100000", "OK");
    cr_assert_eq(c->rip, 6);
    ask("qRcmd,6764622d7063206f6666736574"); /* gdb-pc offset */
    expect("p8", "06000000");
    expect("P8=05000000", "OK");
    cr_assert_eq(c->rip, 5);
    /* A breakpoint at an offset is one in the segment of CS. */
    expect("Z0,6,1", "OK");
    ask("c");
    run();
    cr_assert(strstr(news(), "swbreak:;"));
    cr_assert_eq(c->rip, 6);
}

Test(gdb_session, memory_is_read_and_written)
{
    expect("M5000,4:01020304", "OK");
    expect("m5000,4", "01020304");
    gdb_session_packet(s, "X5004,3:a\0b", 11, &out);
    cr_assert_str_eq(answers(), "OK");
    expect("m5004,3", "610062");
    expect("X5000,0:", "OK");
    expect("m5000", "E16");
    expect("M5000,2:01", "E16");
    expect("X5000,3:ab", "E16");
    expect("mfec00000,4", "E0e"); /* chips are not touched */
    expect("Mfec00000,1:00", "E0e");
    cr_assert_eq(strlen(ask("m5000,ffffffff")), GDB_PACKET_MAX);
}

Test(gdb_session, a_breakpoint_stops_and_is_told)
{
    put("\x40\x40\x40\x40\xEB\xFA", 6); /* inc ax, four times; jmp to the first */
    expect("Z1,1002,1", "OK");
    expect("Z1,1002,1", "OK"); /* twice is once */
    expect("c", "");
    cr_assert_str_eq(news(), "");
    run();
    cr_assert_gt(wakes, 0);
    cr_assert_str_eq(news(), "T05thread:1;05:00000000;04:00000000;08:02100000;hwbreak:;");
    cr_assert_str_eq(news(), "");
    cr_assert_eq(machine_cpu(m, 0)->gpr[RAX], 2);
    expect("z1,1002,1", "OK");
    expect("z1,1002,1", "OK");
    cr_assert_null(debug_point_at(machine_debug(m), 0));
}

Test(gdb_session, a_watchpoint_names_the_address)
{
    put("\xA3\x00\x50\xA1\x00\x50\xEB\xF8", 8); /* mov [5000h], ax; mov ax, [5000h]; jmp */
    expect("Z2,5000,2", "OK");
    ask("c");
    run();
    cr_assert(strstr(news(), "08:03100000;watch:5000;"));
    expect("z2,5000,2", "OK");
    expect("Z3,5001,1", "OK");
    ask("c");
    run();
    cr_assert(strstr(news(), "08:06100000;rwatch:500"));
    expect("Z2,5000,0", "E16");
}

Test(gdb_session, a_step_is_one_instruction)
{
    put("\x40\x41\xEB\xFC", 4);
    ask("s");
    run();
    cr_assert(strstr(news(), "T05thread:1;"));
    cr_assert_eq(machine_cpu(m, 0)->rip, 0x1001);
    ask("vCont;s:1;c");
    run();
    cr_assert(strstr(news(), "08:02100000;"));
    ask("s1000");
    run();
    cr_assert(strstr(news(), "08:01100000;"));
}

Test(gdb_session, a_step_goes_through_a_range_of_addresses)
{
    struct cpu *c = machine_cpu(m, 0);

    /* inc ax; mov cx, 5; loop $; inc bx; hlt */
    put("\x40\xB9\x05\x00\xE2\xFE\x43\xF4", 8);
    cr_assert(strstr(ask("vCont?"), ";r"));
    ask("vCont;r1000,1006:1");
    run();
    cr_assert(strstr(news(), "T05thread:1;"));
    cr_assert_eq(c->rip, 0x1006);
    cr_assert_eq((u16)c->gpr[RCX], 0);
    expect("Z0,1004,1", "OK");
    expect("P8=00100000", "OK");
    ask("vCont;r1000,1006:1;c");
    run();
    cr_assert(strstr(news(), "swbreak"));
    cr_assert_eq(c->rip, 0x1004, "a breakpoint inside ends it");
    expect("vCont;r1000", "E16");
}

Test(gdb_session, an_interrupt_is_told_as_such)
{
    put("\xEB\xFE", 2);
    gdb_session_interrupt(s); /* while it stands: nothing */
    ask("c");
    run();
    cr_assert_str_eq(news(), "");
    gdb_session_interrupt(s);
    cr_assert_eq(strncmp(news(), "T02thread:1;", 12), 0);
    gdb_session_interrupt(s);
    cr_assert_str_eq(news(), "");
}

Test(gdb_session, what_others_stop_is_told_with_a_word_of_explanation)
{
    put("\xEB\xFE", 2);
    ask("c");
    machine_set_paused(m, true);
    cr_assert(strstr(news(), "O746865206d616368696e65")); /* "the machine" */
    ask("c");
    debug_break_add(machine_debug(m), DEBUG_LINEAR, 0x1000, 0);
    run();
    cr_assert(strstr(news(), " T05thread:1;"));
}

Test(gdb_session, a_triple_fault_is_a_stop)
{
    teardown();
    setup_with(false);
    put("\x0F\x01\x1E\x00\x50\xCC", 6); /* lidt [5000h], which holds zeros; int3 */
    ask("c");
    run();
    cr_assert(strstr(news(), " T0bthread:1;"));
    ask("D");
    cr_assert_null(debug_point_at(machine_debug(m), 0));
}

Test(gdb_session, the_end_is_told_to_who_waits)
{
    put("\xEB\xFE", 2);
    gdb_session_news(s, true, &out);
    cr_assert_str_eq(answers(), "");
    ask("c");
    gdb_session_news(s, true, &out);
    cr_assert_str_eq(answers(), "W00");
}

Test(gdb_session, detaching_removes_gdbs_points_and_no_others)
{
    int id = debug_break_add(machine_debug(m), DEBUG_LINEAR, 0x9000, 0);

    put("\xEB\xFE", 2);
    expect("Z0,1000,1", "OK");
    expect("Z2,5000,4", "OK");
    expect("D", "OK");
    cr_assert_not(machine_is_paused(m));
    cr_assert_eq(debug_point_at(machine_debug(m), 0)->id, id);
    cr_assert_null(debug_point_at(machine_debug(m), 1));
}

Test(gdb_session, points_without_number_end_with_an_error)
{
    char packet[40];
    unsigned i;

    for (i = 0; i < DEBUG_POINTS; i++) {
        snprintf(packet, sizeof packet, "Z0,%x,1", i * 16);
        expect(packet, "OK");
    }
    expect("Z0,fffff,1", "E1c");
    gdb_session_close(s);
    cr_assert_null(debug_point_at(machine_debug(m), 0));
}

Test(gdb_session, commands_of_the_monitor_answer_as_text)
{
    expect("qRcmd,696e666f20706963", "O646f6e65 OK");
    cr_assert_str_eq(command, "info pic");
    cr_assert(strstr(ask("qRcmd,68656c70"), "O6764622d7063")); /* help, and ours: gdb-pc */
    expect("qRcmd,6", "E16");
    cr_assert_str_eq(command, "");
    expect("qRcmd,", "OK");
    expect("qRcmd,zz", "E16");
    cr_assert_eq(strncmp(ask("qRcmd,6764622d7063"), "O6764622d706320697320", 20),
                 0); /* gdb-pc is */
    cr_assert_str_eq(command, "");
    machine_set_paused(m, false); /* as "cont" does; gdb does not know */
    cr_assert(strstr(ask("qRcmd,636f6e74"), " O746865206d616368696e652072756e73"));
}

Test(gdb_session, the_kind_of_code_is_told_when_it_changes)
{
    struct cpu *c = machine_cpu(m, 0);

    put("\x40\x40\xEB\xFC", 4);
    ask("qXfer:features:read:target.xml:0,3fff");
    ask("s");
    run();
    cr_assert_eq(news()[0], 'T');
    c->seg[SEG_CS].attr |= DESC_DB;
    cpu_update_level(c);
    ask("s");
    run();
    cr_assert_eq(strncmp(news(), "O33322d62697420636f6465", 23), 0); /* 32-bit code */
}

Test(gdb_session, without_a_past_there_is_no_way_back)
{
    cr_assert_not(strstr(ask("qSupported"), "Reverse"));
    expect("bs", "");
    expect("bc", "");
}

static void keep_the_past(void)
{
    char err[300];

    cr_assert(machine_rewind_start(m, 64 << 20, err, sizeof err), "%s", err);
    machine_set_paused(m, false);
    machine_run(m, machine_now_ns(m) + 1000000);
    machine_set_paused(m, true);
}

Test(gdb_session, back_is_before_the_access)
{
    /* inc ax; mov [5000h], ax; dec bx; jmp to the first */
    put("\x40\xA3\x00\x50\x4B\xEB\xF9", 7);
    keep_the_past();
    cr_assert(strstr(ask("qSupported"), ";ReverseStep+;ReverseContinue+"));
    expect("Z2,5000,2", "OK");
    ask("c");
    run();
    cr_assert(strstr(news(), "08:04100000;watch:5000;"));    /* it is done */
    cr_assert(strstr(ask("bc"), "08:01100000;watch:5000;")); /* it is undone, not the one before */
    cr_assert(strstr(ask("bs"), "08:00100000;"));
    cr_assert(strstr(ask("bc"), "08:01100000;watch:5000;"));
    expect("z2,5000,2", "OK");
    expect("Z0,1004,1", "OK");
    cr_assert(strstr(ask("bc"), "08:04100000;swbreak:;"));
    ask("s");
    run();
    cr_assert(strstr(news(), "08:05100000;"));
}

Test(gdb_session, the_past_has_a_beginning)
{
    put("\x40\xEB\xFD", 3);
    keep_the_past();
    cr_assert(strstr(ask("bc"), "replaylog:begin;"));
    cr_assert(strstr(ask("bs"), "replaylog:begin;"));
    expect("bx", "");
}

Test(gdb_session, kill_ends_the_program)
{
    expect("k", "");
    cr_assert_eq(quits, 1);
    expect("vKill;1", "OK");
    cr_assert_eq(quits, 2);
}
