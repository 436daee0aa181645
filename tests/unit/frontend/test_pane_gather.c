/* What the panes show of a machine, and that they can be drawn. */
#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/machine.h"
#include "frontend/pane.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pc_rig rig;
static struct pane_gather g;

/* call f; jmp $; f: push ax; mov [1000h], al; pop ax; ret */
static void setup(void)
{
    pc_rig_setup(&rig, "interp", "E8 02 00 EB FE 50 A2 00 10 58 C3");
    debug_until(machine_debug(rig.machine), PC_RIG_CODE);
    cr_assert_eq(pc_rig_run(&rig), MACHINE_DEBUG);
    g.ask = (struct pane_request){.code_rows = 5, .stack_rows = 4, .memory_rows = 2};
}

static void teardown(void)
{
    pc_rig_teardown(&rig);
}

TestSuite(pane_gather, .init = setup, .fini = teardown, .timeout = 60);

static const struct pane_register *reg(const char *name)
{
    for (unsigned i = 0; i < g.view.register_count; i++)
        if (!strcmp(g.view.registers[i].name, name))
            return &g.view.registers[i];
    cr_assert_fail("no register %s", name);
    return NULL;
}

static u64 first_place(void)
{
    return g.view.code[0].la;
}

static void step(void)
{
    debug_step(machine_debug(rig.machine), DEBUG_STEP_INTO, 1);
    cr_assert_eq(machine_run(rig.machine, UINT64_MAX), MACHINE_DEBUG);
    g.ask.code_start = g.view.code_start; /* as the window does */
    pane_gather(rig.machine, &g);
}

Test(pane_gather, code_is_shown_from_the_next_instruction_on)
{
    struct cpu *c = machine_cpu(rig.machine, 0);

    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.code_count, 5);
    cr_assert_eq(first_place(), c->seg[SEG_CS].base + c->rip);
    cr_assert(g.view.code[0].current);
    cr_assert_str_eq(g.view.code[0].bytes, "e80200");
    cr_assert_eq(strncmp(g.view.code[0].text, "call", 4), 0);
    cr_assert_eq(reg("eip")->value, c->rip);
    cr_assert(strstr(g.view.state, "real mode"), "%s", g.view.state);
}

Test(pane_gather, the_list_stays_while_the_next_instruction_is_in_sight)
{
    u64 start;

    pane_gather(rig.machine, &g);
    start = first_place();
    g.ask.code_rows = 8;
    step(); /* into f, three instructions on */
    cr_assert_eq(first_place(), start);
    cr_assert(g.view.code[2].current);
    cr_assert_eq(strncmp(g.view.code[2].text, "push", 4), 0);
    cr_assert_eq(g.view.stack_count, 4);
    cr_assert_eq(strtoul(g.view.stack[0].value, NULL, 16), (start + 3) & 0xFFFF);
    g.ask.code_rows = 3;
    step(); /* out of sight of three lines */
    cr_assert(g.view.code[0].current);
}

Test(pane_gather, code_scrolls_both_ways)
{
    u64 start;

    pane_gather(rig.machine, &g);
    start = first_place();
    g.ask.code_start = start;
    g.ask.code_fixed = true;
    g.ask.code_scroll = 3;
    pane_gather(rig.machine, &g);
    cr_assert_eq(first_place(), start + 6); /* CALL, JMP, PUSH */
    g.ask.code_start = g.view.code_start;
    g.ask.code_scroll = -2;
    pane_gather(rig.machine, &g);
    cr_assert_eq(first_place(), start + 3);
}

Test(pane_gather, breakpoints_are_marked)
{
    struct debug *d = machine_debug(rig.machine);
    int id;

    pane_gather(rig.machine, &g);
    id = debug_break_add(d, DEBUG_LINEAR, g.view.code[1].la, 0);
    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.code[0].point, PANE_NO_POINT);
    cr_assert_eq(g.view.code[1].point, PANE_POINT);
    cr_assert_eq(g.view.code[1].point_id, id);
    cr_assert_eq(g.view.point_count, 1);
    debug_point_enable(d, id, false);
    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.code[1].point, PANE_POINT_OFF);
    debug_point_remove(d, id);
    /* By segment and offset: another paragraph, the same place. */
    debug_point_add(d, &(struct debug_point){.kind = DEBUG_BREAK,
                                             .space = DEBUG_SEGMENTED,
                                             .selector = 0,
                                             .address = g.view.code[1].la});
    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.code[1].point, PANE_POINT);
}

Test(pane_gather, names_stand_in_code_and_on_the_stack)
{
    static const char map[] = "00007c00 T start\n00007c05 T print_it\n";
    char err[200];

    cr_assert_eq(symbols_load(debug_symbols(machine_debug(rig.machine)), (const u8 *)map,
                              sizeof map - 1, 0, err, sizeof err),
                 2, "%s", err);
    g.ask.code_rows = 8;
    pane_gather(rig.machine, &g);
    cr_assert(g.view.code[0].label);
    cr_assert_str_eq(g.view.code[0].text, "start:");
    cr_assert(g.view.code[1].current);
    cr_assert_str_eq(g.view.code[3].text, "print_it:");
    step();
    cr_assert(g.view.code[4].current && !g.view.code[4].label);
    cr_assert_eq(strncmp(g.view.stack[0].name, "start+", 6), 0, "%s", g.view.stack[0].name);
}

Test(pane_gather, memory_is_named_by_segment_and_offset_in_real_mode)
{
    static const struct {
        const char *what, *first, *second;
    } t[] = {{"0040:0010", "0040:0010", "0040:0020"},
             {"0x12345", "1234:0005", "1234:0015"},
             {"0xB8000", "b800:0000", "b800:0010"},
             {"0x200000", "00200000", "00200010"}};

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        snprintf(g.ask.memory, sizeof g.ask.memory, "%s", t[i].what);
        pane_gather(rig.machine, &g);
        cr_assert_str_eq(g.view.memory[0].place, t[i].first);
        cr_assert_str_eq(g.view.memory[1].place, t[i].second);
        cr_assert_str_eq(g.view.memory_what, t[i].what);
    }
    snprintf(g.ask.memory, sizeof g.ask.memory, "foo");
    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.memory_count, 0);
    cr_assert(g.view.memory_trouble[0]);
}

Test(pane_gather, memory_is_what_the_guest_sees)
{
    u8 bytes[] = {0xDE, 0xAD};

    machine_write_physical(rig.machine, 0x5002, bytes, 2);
    snprintf(g.ask.memory, sizeof g.ask.memory, "0x4FF2");
    g.ask.memory_offset = PANE_ROW_BYTES;
    pane_gather(rig.machine, &g);
    cr_assert_eq(g.view.memory[0].count, PANE_ROW_BYTES);
    cr_assert_eq(g.view.memory[0].bytes[0], 0xDE);
    cr_assert_eq(g.view.memory[0].bytes[1], 0xAD);
}

Test(pane_gather, looking_changes_nothing)
{
    u64 before = machine_state_hash(rig.machine);

    g.ask.code_rows = g.ask.stack_rows = g.ask.memory_rows = PANE_ROWS;
    pane_gather(rig.machine, &g);
    cr_assert_eq(machine_state_hash(rig.machine), before);
}

/* ---- Drawing ---- */

static struct pane_line line;
static struct pane_console console;

static void draw(s32 w, s32 h)
{
    struct osd_canvas c = {.width = w, .height = h};
    bool changed[PANE_REGISTERS] = {true, false, true};
    struct pane_look look = {.view = &g.view,
                             .changed = changed,
                             .console = &console,
                             .line = &line,
                             .memory = &line,
                             .code = &line,
                             .focus = PANE_FOCUS_LINE};
    struct pane_layout l = pane_lay_out(w, h);

    c.pixels = calloc((size_t)w * (size_t)h, sizeof *c.pixels);
    pane_draw(&look, &l, &c);
    look.view = NULL;
    look.focus = PANE_FOCUS_MEMORY;
    look.busy = true;
    pane_draw(&look, &l, &c);
    for (s32 y = 0; y < l.guest.h; y++)
        for (s32 x = 0; x < l.guest.w; x++)
            cr_assert_eq(c.pixels[y * w + x], 0, "the guest's place is touched");
    free(c.pixels);
}

Test(pane_gather, panes_are_drawn_at_any_size)
{
    g.ask.code_rows = g.ask.stack_rows = g.ask.memory_rows = PANE_ROWS;
    pane_gather(rig.machine, &g);
    pane_console_add(&console, "> info\na long answer of the machine, in a line of its own\n");
    pane_line_add(&line, "print word [ss:sp+2] and something that is far too long for a window");
    draw(1, 1);
    draw(100, 100);
    draw(640, 400);
    draw(720, 1000);
    draw(1160, 840);
    draw(2000, 1200);
    pane_console_free(&console);
}
