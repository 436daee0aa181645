/* The debugger: each kind of point stops where it should, and nowhere else. */
#include "devices/board/debug.h"

#include "base/state.h"
#include "cpu/segment.h"
#include "devices/board/debug_callers.h"
#include "devices/board/engines.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CODE = PC_RIG_CODE };

static struct pc_rig rig;
static struct debug *d;
static const char *engine;
static unsigned seen;
static char logged[400];

static void start(const char *hex)
{
    pc_rig_setup(&rig, engine, hex);
    d = machine_debug(rig.machine);
    cr_assert(d);
    seen = 0;
    logged[0] = 0;
}

static void teardown(void)
{
    if (rig.machine)
        pc_rig_teardown(&rig);
    rig.machine = NULL;
}

/* The debugger knows no engine, so each must bring it the same. */
static void on_each_engine(void (*test)(void))
{
    for (const char *const *e = engine_names; *e; e++) {
        engine = *e;
        test();
        teardown();
    }
}

#define EACH_ENGINE(name)                                                                          \
    static void name(void);                                                                        \
    Test(debugger, name)                                                                           \
    {                                                                                              \
        on_each_engine(name);                                                                      \
    }                                                                                              \
    static void name(void)

/* The machine stops; the linear address where. */
static u64 stop(void)
{
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    return debug_last_stop(d)->la;
}

static bool goes_on(void)
{
    return pc_rig_run(&rig) == MACHINE_TIME;
}

TestSuite(debugger, .fini = teardown);

/* mov cx, 3; a: inc ax; loop a; jmp $ */
#define COUNT_TO_3 "B9 03 00 40 E2 FD EB FE"

EACH_ENGINE(a_breakpoint_stops_before_its_instruction_each_time)
{
    int id;

    start(COUNT_TO_3);
    id = debug_break_add(d, DEBUG_LINEAR, CODE + 3, 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(stop(), CODE + 3);
        cr_assert_eq((u16)rig.cpu->gpr[RAX], i);
        cr_assert_eq(debug_last_stop(d)->point, id);
    }
    cr_assert(goes_on());
    cr_assert_eq(debug_point_by_id(d, id)->hits, 3);
}

EACH_ENGINE(without_points_the_processor_has_no_hooks)
{
    int id;

    start(COUNT_TO_3);
    cr_assert_null(rig.cpu->hooks);
    id = debug_break_add(d, DEBUG_LINEAR, CODE + 3, 0);
    cr_assert_not_null(rig.cpu->hooks);
    cr_assert(debug_point_remove(d, id));
    cr_assert_null(rig.cpu->hooks);
    cr_assert(goes_on());
}

EACH_ENGINE(a_breakpoint_added_while_the_loop_runs_is_met)
{
    start("40 EB FD"); /* a: inc ax; jmp a */
    cr_assert(goes_on());
    debug_break_add(d, DEBUG_LINEAR, CODE, 0);
    cr_assert_eq(stop(), CODE);
    cr_assert_eq(stop(), CODE);
    debug_remove_all(d, DEBUG_USER);
    cr_assert(goes_on());
}

EACH_ENGINE(a_breakpoint_inside_a_run_of_instructions_is_met)
{
    start("40 41 42 43 EB FA"); /* inc ax; inc cx; inc dx; inc bx; jmp a */
    cr_assert(goes_on());
    debug_break_add(d, DEBUG_LINEAR, CODE + 2, 0);
    cr_assert_eq(stop(), CODE + 2);
    cr_assert_eq((u16)(rig.cpu->gpr[RCX] - rig.cpu->gpr[RBX]), 1);
}

EACH_ENGINE(a_temporary_breakpoint_stops_once)
{
    start("40 EB FD");
    debug_break_add(d, DEBUG_LINEAR, CODE, DEBUG_TEMPORARY);
    cr_assert_eq(stop(), CODE);
    cr_assert(goes_on());
    cr_assert_null(debug_point_at(d, 0));
}

EACH_ENGINE(a_disabled_breakpoint_does_not_stop)
{
    int id;

    start("40 EB FD");
    id = debug_break_add(d, DEBUG_LINEAR, CODE, DEBUG_DISABLED);
    cr_assert(goes_on());
    debug_point_enable(d, id, true);
    cr_assert_eq(stop(), CODE);
}

EACH_ENGINE(hits_can_be_ignored)
{
    int id;

    start("40 EB FD");
    id = debug_break_add(d, DEBUG_LINEAR, CODE, 0);
    debug_point_ignore(d, id, 5);
    cr_assert_eq(stop(), CODE);
    cr_assert_eq((u16)rig.cpu->gpr[RAX], 5);
}

EACH_ENGINE(a_segmented_breakpoint_wants_its_selector_too)
{
    struct debug_point p = {.kind = DEBUG_BREAK, .space = DEBUG_SEGMENTED, .selector = 0x7C0};

    /* jmp 07C0:0005; 0005: jmp 0000:7C0A; 000A: jmp 07C0:0005 */
    start("EA 05 00 C0 07 EA 0A 7C 00 00 EA 05 00 C0 07");
    p.address = 5;
    debug_point_add(d, &p);
    cr_assert_eq(stop(), CODE + 5);
    cr_assert_eq(debug_last_stop(d)->cs, 0x7C0);
    debug_remove_all(d, DEBUG_USER);
    p.address = 0x7C05;
    p.selector = 0;
    debug_point_add(d, &p);
    cr_assert(goes_on());
}

EACH_ENGINE(a_physical_breakpoint_is_met_through_any_linear_address)
{
    start("66 EA 00 7C 00 00 C0 07"); /* never executed as such: put below */
    /* jmp 0700:0C08; there: jmp 0000:7C08 */
    pc_rig_put(&rig, CODE, "EA 08 0C 00 07 90 90 90 EB FE");
    debug_break_add(d, DEBUG_PHYSICAL, CODE + 8, 0);
    cr_assert_eq(stop(), CODE + 8);
    cr_assert_eq(debug_last_stop(d)->cs, 0x700);
}

/* mov [1000h], al; inc ax; mov bl, [1000h]; jmp a */
#define TOUCH_1000 "A2 00 10 40 8A 1E 00 10 EB F6"

EACH_ENGINE(a_write_watchpoint_tells_writer_and_values)
{
    const struct debug_stop *s;

    start(TOUCH_1000);
    debug_watch_add(d, DEBUG_LINEAR, 0x1000, 1, DEBUG_WRITE);
    cr_assert_eq(stop(), CODE + 3);
    cr_assert_eq(stop(), CODE + 3);
    s = debug_last_stop(d);
    cr_assert_eq(s->kind, DEBUG_WATCH);
    cr_assert_eq(s->from_la, CODE);
    cr_assert_eq(s->address, 0x1000);
    cr_assert(s->write);
    cr_assert_eq(s->old, 0);
    cr_assert_eq(s->value, 1);
    cr_assert_str_eq(s->text, "0000:00007c00 writes a byte at 00001000: 00 -> 01");
}

EACH_ENGINE(a_read_watchpoint_lets_writes_pass)
{
    start(TOUCH_1000);
    debug_watch_add(d, DEBUG_LINEAR, 0x1000, 1, DEBUG_READ);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(stop(), CODE + 8);
}

EACH_ENGINE(an_access_beside_the_watched_bytes_does_not_stop)
{
    start(TOUCH_1000);
    debug_watch_add(d, DEBUG_LINEAR, 0x1001, 15, DEBUG_ACCESS);
    debug_watch_add(d, DEBUG_LINEAR, 0xFF0, 16, DEBUG_ACCESS);
    cr_assert(goes_on());
}

EACH_ENGINE(what_a_chip_writes_is_watched_too)
{
    const struct debug_stop *s;

    start("90 EB FD");
    debug_watch_add(d, DEBUG_LINEAR, 0x1004, 2, DEBUG_WRITE);
    cr_assert(goes_on());
    physmap_write(rig.cpu->mmu.pm, 0x1000, "12345678", 8); /* as a bus master does */
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    s = debug_last_stop(d);
    cr_assert_eq(s->address, 0x1004);
    cr_assert_str_eq(s->text,
                     "a chip writes 8 bytes at physical 00001000: 0000 -> 3635 at 00001004");
    physmap_write(rig.cpu->mmu.pm, 0x1000, "1234", 4);
    cr_assert(goes_on());
}

EACH_ENGINE(a_state_that_is_loaded_is_no_switch_of_modes)
{
    struct state *saved = state_new_save(), *s;
    const void *data;
    size_t len;

    start("0F 20 C0 0C 01 0F 22 C0 EB FE"); /* mov eax, cr0; or al, 1; mov cr0, eax */
    debug_until(d, CODE);
    stop();
    machine_state(rig.machine, saved);
    data = state_data(saved, &len);
    cr_assert(goes_on());
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_MODE_SWITCH, .address = UINT64_MAX});
    s = state_new_load(data, len);
    machine_state(rig.machine, s);
    cr_assert_null(state_error(s));
    cr_assert_eq(stop(), CODE + 8);
    state_free(s);
    state_free(saved);
}

EACH_ENGINE(pushes_of_an_interrupt_are_watched)
{
    start("CD 40 EB FC"); /* a: int 40h; jmp a */
    debug_watch_add(d, DEBUG_PHYSICAL, 0x7BFE, 2, DEBUG_WRITE);
    cr_assert_eq(stop(), PC_RIG_IRET);
    cr_assert_eq(debug_last_stop(d)->from_la, CODE);
}

EACH_ENGINE(repeated_strings_stop_at_the_watched_byte)
{
    start("BF 00 10 B9 00 01 B0 55 F3 AA EB FE"); /* mov di, 1000h; mov cx, 100h; rep stosb */
    debug_watch_add(d, DEBUG_LINEAR, 0x1080, 1, DEBUG_WRITE);
    cr_assert_eq(stop(), CODE + 8);
    cr_assert_eq((u16)rig.cpu->gpr[RDI], 0x1081);
    cr_assert_eq((u16)rig.cpu->gpr[RCX], 0x7F);
    cr_assert(goes_on());
    cr_assert_eq((u16)rig.cpu->gpr[RCX], 0);
}

EACH_ENGINE(ports_are_watched)
{
    start("B0 30 E6 80 EB FA"); /* a: mov al, 30h; out 80h, al; jmp a */
    debug_point_add(
        d, &(struct debug_point){.kind = DEBUG_PORT, .address = 0x80, .access = DEBUG_WRITE});
    cr_assert_eq(stop(), CODE + 4);
    cr_assert_eq(debug_last_stop(d)->address, 0x80);
    cr_assert(debug_last_stop(d)->write);
    cr_assert_str_eq(debug_last_stop(d)->text + 13, " writes a byte at port 0080: 30");
}

EACH_ENGINE(msrs_are_watched)
{
    start("66 B9 74 01 00 00 0F 30 EB FE"); /* mov ecx, 174h; wrmsr; jmp $ */
    debug_point_add(
        d, &(struct debug_point){.kind = DEBUG_MSR, .address = 0x174, .access = DEBUG_ACCESS});
    cr_assert_eq(stop(), CODE + 8);
    cr_assert_eq(debug_last_stop(d)->address, 0x174);
}

EACH_ENGINE(dos_functions_are_caught_by_number)
{
    start("B4 30 CD 21 B4 4C CD 21 EB F6"); /* mov ah, 30h; int 21h; mov ah, 4Ch; int 21h */
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_DOS, .address = 0x4C});
    cr_assert_eq(stop(), PC_RIG_IRET);
    cr_assert_eq(debug_last_stop(d)->from_la, CODE + 6);
    cr_assert_str_eq(debug_last_stop(d)->text, "INT 21h, AH=4c, at 0000:00007c06");
}

/* In virtual-8086 mode with IOPL 0: a GDT, an IDT whose #GP is at 0008:0500, a TSS. */
EACH_ENGINE(dos_functions_are_caught_where_a_monitor_gets_them_as_faults)
{
    struct cpu *c;

    start("B4 4C CD 21"); /* mov ah, 4Ch; int 21h */
    debug_until(d, CODE);
    stop();
    c = rig.cpu;
    pc_rig_put(&rig, 0x3008, "FF FF 00 00 00 9B CF 00 FF FF 00 00 00 93 CF 00");
    pc_rig_put(&rig, 0x3168, "00 05 08 00 00 8E 00 00");
    pc_rig_put(&rig, 0x4004, "00 90 00 00 10 00 00 00");
    c->gdtr = (struct table_reg){.base = 0x3000, .limit = 0x17};
    c->idtr = (struct table_reg){.base = 0x3100, .limit = 0x6F};
    c->tr = (struct segment){.sel = 0x18, .base = 0x4000, .limit = 0x67, .attr = 0x8B};
    c->cr0 |= CR0_PE;
    c->eflags |= EF_VM;
    c->cpl = 3;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        seg_load_real(c, (enum seg_reg)i, c->seg[i].sel);
    cpu_update_mode(c);
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_DOS, .address = 0x4C});
    cr_assert_eq(stop(), 0x500);
    cr_assert_str_eq(debug_last_stop(d)->text, "INT 21h, AH=4c, at 0000:00007c02");
}

EACH_ENGINE(exceptions_are_caught_and_software_interrupts_are_none)
{
    start("CD 06 0F 0B EB FA"); /* a: int 6; ud2; jmp a */
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_EXCEPTION, .address = 6});
    cr_assert_eq(stop(), PC_RIG_IRET);
    cr_assert_eq(debug_last_stop(d)->from_la, CODE + 2);
}

/*
 * mov al, 11h; out 20h, al; mov al, 8; out 21h, al; mov al, 4; out 21h, al; mov al, 1; out 21h, al
 * mov al, 0FEh; out 21h, al; mov al, 34h; out 43h, al; mov al, 0FFh; out 40h, al; mov al, 1
 * out 40h, al; sti; jmp $
 */
EACH_ENGINE(interrupts_are_caught_and_told_from_exceptions)
{
    start("B0 11 E6 20 B0 08 E6 21 B0 04 E6 21 B0 01 E6 21 B0 FE E6 21 B0 34 E6 43 B0 FF E6 40 "
          "B0 01 E6 40 FB EB FE");
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_EXCEPTION, .address = 8});
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_INTERRUPT, .address = 8});
    cr_assert_eq(stop(), PC_RIG_IRET, "delivered");
    cr_assert_str_eq(debug_last_stop(d)->text, "hardware interrupt 08 at 0000:00007c21");
}

EACH_ENGINE(a_mode_switch_is_caught_and_named)
{
    /* mov eax, cr0; or al, 1; mov cr0, eax; jmp $ */
    start("0F 20 C0 0C 01 0F 22 C0 EB FE");
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_MODE_SWITCH, .address = UINT64_MAX});
    cr_assert_eq(stop(), CODE + 8);
    cr_assert_str_eq(debug_last_stop(d)->text, "from real mode to protected mode at 0000:00007c05");
}

EACH_ENGINE(a_task_switch_is_caught_with_both_selectors)
{
    /*
     * cli; lgdt [7C58h]; protected mode; jmp 8:7C13h; flat data; ltr 18h; jmp 20h:0. GDT at 7C30h:
     * flat code, flat data, TSSs at 2000h and 3000h.
     */
    start("FA 0F 01 16 58 7C 0F 20 C0 0C 01 0F 22 C0 EA 13 7C 08 00 66 B8 10 00 8E D8 8E C0 8E D0 "
          "66 B8 18 "
          "00 0F 00 D8 EA 00 00 00 00 20 00 90 90 90 90 90 00 00 00 00 00 00 00 00 FF FF 00 00 00 "
          "9A CF 00 "
          "FF FF 00 00 00 92 CF 00 67 00 00 20 00 89 00 00 67 00 00 30 00 89 00 00 27 00 30 7C 00 "
          "00");
    pc_rig_put(&rig, 0x3020, "5E 7C 00 00 02 00 00 00");                         /* eip, eflags */
    pc_rig_put(&rig, 0x3048, "10 00 00 00 08 00 00 00 10 00 00 00 10 00 00 00"); /* es cs ss ds */
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_TASK_SWITCH, .address = UINT64_MAX});
    cr_assert_eq(stop(), 0x7C5E);
    cr_assert_str_eq(debug_last_stop(d)->text, "task switch from 0018 to 0020");
}

EACH_ENGINE(a_triple_fault_stops_before_the_reset)
{
    start("0F 01 1E 00 10 CD 03 EB FE"); /* lidt [1000h], which holds zeros; int 3 */
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_TRIPLE, .address = UINT64_MAX});
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    cr_assert(rig.cpu->shutdown);
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TRIPLE_FAULT);
}

EACH_ENGINE(the_guests_own_breakpoint_is_off_until_asked_for)
{
    start("90 87 DB 40 EB FA"); /* a: nop; xchg bx, bx; inc ax; jmp a */
    cr_assert(goes_on());
    debug_break_add(d, DEBUG_LINEAR, 0x1000, 0);
    cr_assert(goes_on());
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_MAGIC, .address = UINT64_MAX});
    cr_assert_eq(stop(), CODE + 3);
    cr_assert_eq(debug_last_stop(d)->from_la, CODE + 1);
}

/* ---- Steps ---- */

EACH_ENGINE(a_step_executes_one_instruction)
{
    start("40 41 42 EB FB");
    debug_until(d, CODE);
    cr_assert_eq(stop(), CODE);
    debug_step(d, DEBUG_STEP_INTO, 1);
    cr_assert_eq(stop(), CODE + 1);
    cr_assert_eq(debug_last_stop(d)->reason, DEBUG_STEPPED);
    debug_step(d, DEBUG_STEP_INTO, 2);
    cr_assert_eq(stop(), CODE + 3);
    cr_assert_null(rig.cpu->hooks);
}

/* call f; nop; jmp $; f: push ax; call g; pop ax; ret; g: ret */
#define NESTED "E8 03 00 90 EB FE 50 E8 02 00 58 C3 C3"

EACH_ENGINE(a_step_into_enters_calls_and_one_over_does_not)
{
    start(NESTED);
    debug_until(d, CODE);
    stop();
    debug_step(d, DEBUG_STEP_INTO, 1);
    cr_assert_eq(stop(), CODE + 6);
    debug_step(d, DEBUG_STEP_OVER, 2);
    cr_assert_eq(stop(), CODE + 10);
}

EACH_ENGINE(a_step_out_returns_from_the_present_subroutine_only)
{
    start(NESTED);
    debug_until(d, CODE + 12);
    stop();
    debug_step(d, DEBUG_STEP_OUT, 1);
    cr_assert_eq(stop(), CODE + 10);
    debug_step(d, DEBUG_STEP_OUT, 1);
    cr_assert_eq(stop(), CODE + 3);
}

EACH_ENGINE(a_step_out_is_not_misled_by_a_handlers_own_stack)
{
    start("CD 40 90 EB FE"); /* int 40h; nop; jmp $ */
    pc_rig_put(&rig, 0x40 * 4, "00 06 00 00");
    /* 0600: mov dx, 9000h; mov ss, dx; call g; xor dx, dx; mov ss, dx; iret; g: ret */
    pc_rig_put(&rig, 0x600, "BA 00 90 8E D2 E8 05 00 31 D2 8E D2 CF C3");
    debug_until(d, 0x600);
    stop();
    debug_step(d, DEBUG_STEP_OUT, 1);
    cr_assert_eq(stop(), CODE + 2);
}

EACH_ENGINE(a_step_over_a_recursive_call_waits_for_this_frame)
{
    /* mov cx, 3; call f; jmp $; f: dec cx; jz g; call f; nop; g: ret */
    start("B9 03 00 E8 02 00 EB FE 49 74 04 E8 FA FF 90 C3");
    debug_until(d, CODE + 11);
    stop();
    debug_step(d, DEBUG_STEP_OVER, 1);
    cr_assert_eq(stop(), CODE + 14);
    cr_assert_eq((u16)rig.cpu->gpr[RCX], 0);
    cr_assert_eq((u16)rig.cpu->gpr[RSP], 0x7BFE);
}

EACH_ENGINE(a_breakpoint_on_the_way_ends_a_step_over)
{
    start(NESTED);
    debug_break_add(d, DEBUG_LINEAR, CODE + 12, 0);
    debug_until(d, CODE);
    stop();
    debug_step(d, DEBUG_STEP_OVER, 1);
    cr_assert_eq(stop(), CODE + 12);
    cr_assert_eq(debug_last_stop(d)->reason, DEBUG_AT_POINT);
    debug_remove_all(d, DEBUG_USER);
    cr_assert(goes_on());
}

EACH_ENGINE(a_step_lets_an_interrupt_run_to_its_end)
{
    start("FB 90 90 90 EB FE"); /* sti; nop; nop; nop */
    debug_until(d, CODE + 2);
    stop();
    cpu_raise_nmi(rig.cpu);
    debug_step(d, DEBUG_STEP_INTO, 1);
    cr_assert_eq(stop(), CODE + 3);
}

EACH_ENGINE(a_breakpoint_is_not_met_twice_for_an_interrupt_between)
{
    start("FB 90 90 90 EB FE"); /* sti; nop; nop; nop; jmp $ */
    debug_break_add(d, DEBUG_LINEAR, CODE + 2, 0);
    cr_assert_eq(stop(), CODE + 2);
    cpu_raise_nmi(rig.cpu);
    cr_assert(goes_on());
}

/* ---- Filter ---- */

static bool count_them(void *opaque, const struct debug_stop *s)
{
    seen++;
    return false;
}

EACH_ENGINE(a_filter_sees_each_stop_and_may_let_it_pass)
{
    start(COUNT_TO_3);
    debug_break_add(d, DEBUG_LINEAR, CODE + 3, 0);
    debug_set_filter(d, count_them, NULL);
    cr_assert(goes_on());
    cr_assert_eq(seen, 3);
    cr_assert_eq((u16)rig.cpu->gpr[RAX], 3);
}

EACH_ENGINE(a_debugged_run_has_the_same_state_as_an_undisturbed_one)
{
    u64 hash, count;

    start(TOUCH_1000);
    cr_assert(goes_on());
    hash = machine_state_hash(rig.machine);
    count = machine_instructions(rig.machine);
    pc_rig_teardown(&rig);
    start(TOUCH_1000);
    debug_break_add(d, DEBUG_LINEAR, CODE + 3, 0);
    debug_watch_add(d, DEBUG_LINEAR, 0x1000, 1, DEBUG_ACCESS);
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(machine_run(rig.machine, 10 * 1000000), MACHINE_DEBUG);
    debug_remove_all(d, DEBUG_USER);
    cr_assert_eq(machine_run(rig.machine, 10 * 1000000), MACHINE_TIME);
    cr_assert_eq(machine_instructions(rig.machine), count);
    cr_assert_eq(machine_state_hash(rig.machine), hash);
}

/* ---- Conditions, logs, registers ---- */

static void keep(void *opaque, const char *line)
{
    strcat(logged, line);
    strcat(logged, ";");
}

EACH_ENGINE(a_condition_decides_which_hits_count)
{
    char err[200];
    int id;

    start(COUNT_TO_3);
    id = debug_break_add(d, DEBUG_LINEAR, CODE + 3, 0);
    cr_assert(debug_point_condition(d, id, "ax == 2 && byte [cs:ip] == 40h", err, sizeof err));
    cr_assert_eq(stop(), CODE + 3);
    cr_assert_eq((u16)rig.cpu->gpr[RAX], 2);
    cr_assert_eq(debug_point_by_id(d, id)->hits, 1);
    cr_assert_not(debug_point_condition(d, id, "ax ==", err, sizeof err));
    cr_assert_str_eq(debug_condition_text(d, id), "ax == 2 && byte [cs:ip] == 40h");
}

EACH_ENGINE(a_log_point_writes_and_goes_on)
{
    int id;

    start(COUNT_TO_3);
    debug_set_log(d, keep, NULL);
    id = debug_break_add(d, DEBUG_LINEAR, CODE + 3, DEBUG_LOG_ONLY);
    debug_point_log(d, id, "ax={ax} {1/0}");
    cr_assert(goes_on());
    cr_assert_str_eq(logged, "ax=0 <a division by zero>;ax=1 <a division by zero>;"
                             "ax=2 <a division by zero>;");
}

EACH_ENGINE(a_register_is_watched)
{
    const struct debug_stop *s = NULL;
    char err[200];

    start("90 B4 12 90 B0 01 EB FE"); /* nop; mov ah, 12h; nop; mov al, 1 */
    debug_until(d, CODE);
    stop();
    debug_watch_expression(d, "ah", err, sizeof err);
    cr_assert_eq(stop(), CODE + 3);
    s = debug_last_stop(d);
    cr_assert_eq(s->kind, DEBUG_REGISTER);
    cr_assert_eq(s->from_la, CODE + 1);
    cr_assert_str_eq(s->text, "0000:00007c01 changes ah: 0 -> 12");
    cr_assert(goes_on());
}

EACH_ENGINE(until_an_expression_is_true)
{
    char err[200];

    start("40 EB FD"); /* a: inc ax; jmp a */
    cr_assert(debug_until_expression(d, "ax == 1234h", err, sizeof err));
    cr_assert_eq(stop(), CODE + 1);
    cr_assert_eq((u16)rig.cpu->gpr[RAX], 0x1234);
    cr_assert_not(debug_until_expression(d, "ax ==", err, sizeof err));
    cr_assert(goes_on());
}

/* ---- Callers ---- */

/*
 * 7C00: call a; jmp $
 * a: push bp; mov bp, sp; call b; pop bp; ret
 * b: push bp; mov bp, sp; push 7C03h; jmp $
 */
EACH_ENGINE(callers_are_found_by_frames_and_by_calls)
{
    struct caller k[8];

    start("E8 02 00 EB FE 55 89 E5 E8 02 00 5D C3 55 89 E5 68 03 7C EB FE");
    debug_until(d, CODE + 0x13);
    stop();
    cr_assert_eq(debug_callers(rig.cpu, k, 8), 3);
    cr_assert_eq(k[0].off, 0x7C03, "left over, but behind a CALL");
    cr_assert_not(k[0].sure);
    cr_assert_eq(k[1].off, 0x7C0B);
    cr_assert(k[1].sure);
    cr_assert_eq(k[2].off, 0x7C03);
    cr_assert(k[2].sure);
    cr_assert_eq(k[2].stack, k[0].stack + 8);
    cr_assert_eq(debug_callers(rig.cpu, k, 1), 1);
}

/* 7C00: call 0000:f; jmp $; f: int 10h */
EACH_ENGINE(far_callers_and_interrupts_are_found_in_real_mode)
{
    struct caller k[8];

    start("9A 07 7C 00 00 EB FE CD 10 CB");
    debug_until(d, PC_RIG_IRET);
    stop();
    cr_assert_eq(debug_callers(rig.cpu, k, 8), 2);
    cr_assert_eq(k[0].off, 0x7C09);
    cr_assert_eq(k[1].off, 0x7C05);
    cr_assert_eq(k[1].cs, 0);
}

/*
 * In protected mode: push eflags, CS and 7C10h, as an interrupt does there, and beside them what
 * looks nearly like it.
 *
 * cli; lgdt [7C30h]; mov eax, cr0; or al, 1; mov cr0, eax; jmp 8:7C13h
 * 7C13: bits 32: mov ax, 10h; mov ss, ax; mov esp, 9000h; pushf; push cs; push 7C10h; push 8
 * push 7C10h; jmp $
 */
EACH_ENGINE(what_an_interrupt_has_pushed_is_found_in_protected_mode)
{
    struct caller k[8];

    start("FA 0F 01 16 30 7C 0F 20 C0 0C 01 0F 22 C0 EA 13 7C 08 00 66 B8 10 00 8E D0 BC 00 90 00 "
          "00 9C 0E 68 10 7C 00 00 6A 08 68 10 7C 00 00 EB FE 90 90 17 00 00 30 00 00");
    pc_rig_put(&rig, 0x3008, "FF FF 00 00 00 9B CF 00 FF FF 00 00 00 93 CF 00");
    debug_until(d, CODE + 0x2C);
    stop();
    cr_assert_eq(debug_callers(rig.cpu, k, 8), 1);
    cr_assert_eq(k[0].off, 0x7C10);
    cr_assert_eq(k[0].stack, 0x9000 - 12);
    cr_assert(k[0].interrupted);
    cr_assert_not(k[0].sure);
}

/* 7C00: call f; jmp $; f: lidt [0600h], which is zeros; ud2 */
EACH_ENGINE(a_crash_report_says_who_called)
{
    start("E8 02 00 EB FE 0F 01 1E 00 06 0F 0B");
    pc_rig_put(&rig, 0x600, "00 00 00 00 00 00");
    cr_assert_eq(pc_rig_run(&rig), MACHINE_TRIPLE_FAULT);
    cr_assert(strstr(machine_crash_report(rig.machine), "code there: 0F 0B"));
    cr_assert(strstr(machine_crash_report(rig.machine), "called from"));
    cr_assert(strstr(machine_crash_report(rig.machine), "? 0000:00007c03\n"), "%s",
              machine_crash_report(rig.machine));
}
