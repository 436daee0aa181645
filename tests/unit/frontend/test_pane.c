/* The debugger's panes: what is typed, what is scrolled, where things are, what the machine says.
 */
#include "frontend/pane.h"

#include "cpu/cpu.h"
#include "devices/board/debug.h"
#include "devices/board/machine.h"
#include "tests/support/pc_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A line that is typed ---- */

static struct pane_line line;

static void type_lines(void)
{
    memset(&line, 0, sizeof line);
}

TestSuite(pane_line, .init = type_lines, .timeout = 60);

Test(pane_line, characters_come_in_where_the_cursor_is)
{
    pane_line_add(&line, "x/4 eip");
    pane_line_edit(&line, PANE_LINE_HOME);
    for (unsigned i = 0; i < 3; i++)
        pane_line_edit(&line, PANE_LINE_RIGHT);
    pane_line_add(&line, "i");
    cr_assert_str_eq(line.text, "x/4i eip");
    cr_assert_eq(line.cursor, 4);
    pane_line_edit(&line, PANE_LINE_BACKSPACE);
    pane_line_edit(&line, PANE_LINE_DELETE);
    cr_assert_str_eq(line.text, "x/4eip");
    pane_line_edit(&line, PANE_LINE_END);
    pane_line_edit(&line, PANE_LINE_DELETE);
    pane_line_edit(&line, PANE_LINE_RIGHT);
    cr_assert_eq(line.cursor, 6);
}

Test(pane_line, only_printable_ascii_and_only_what_fits)
{
    pane_line_add(&line, "a\tb\n\xC3\xA4"
                         "c");
    cr_assert_str_eq(line.text, "abc");
    for (unsigned i = 0; i < 2 * PANE_LINE_MAX; i++)
        pane_line_add(&line, "x");
    cr_assert_eq(line.len, PANE_LINE_MAX - 1);
    cr_assert_eq(strlen(line.text), PANE_LINE_MAX - 1);
}

Test(pane_line, what_was_typed_before_comes_back)
{
    pane_line_add(&line, "one");
    pane_line_done(&line);
    pane_line_add(&line, "two");
    pane_line_done(&line);
    pane_line_add(&line, "two");
    pane_line_done(&line); /* again: kept once */
    pane_line_add(&line, "thr");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "two");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "one");
    pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "one");
    pane_line_edit(&line, PANE_LINE_NEWER);
    pane_line_edit(&line, PANE_LINE_NEWER);
    cr_assert_str_eq(line.text, "thr");
    pane_line_edit(&line, PANE_LINE_NEWER);
    cr_assert_str_eq(line.text, "thr");
}

Test(pane_line, only_so_many_are_kept)
{
    char text[20];

    for (unsigned i = 0; i < 2 * PANE_LINE_HISTORY; i++) {
        snprintf(text, sizeof text, "line %u", i);
        pane_line_add(&line, text);
        pane_line_done(&line);
    }
    for (unsigned i = 0; i < 2 * PANE_LINE_HISTORY; i++)
        pane_line_edit(&line, PANE_LINE_OLDER);
    cr_assert_str_eq(line.text, "line 32");
}

Test(pane_line, the_cursor_stays_in_sight)
{
    unsigned at;

    pane_line_add(&line, "0123456789");
    cr_assert_str_eq(pane_line_shown(&line, 5, &at), "6789");
    cr_assert_eq(at, 4);
    pane_line_edit(&line, PANE_LINE_HOME);
    cr_assert_str_eq(pane_line_shown(&line, 5, &at), "0123456789");
    cr_assert_eq(at, 0);
}

/* ---- What commands have printed ---- */

static struct pane_console console;

static void no_lines(void)
{
    pane_console_free(&console);
}

TestSuite(pane_console, .fini = no_lines, .timeout = 60);

static const char *row(unsigned up, unsigned columns)
{
    static char text[PANE_CONSOLE_COLUMNS + 1];
    unsigned len = 0;
    const char *r = pane_console_row(&console, up, columns, &len);

    snprintf(text, sizeof text, "%.*s", (int)len, r ? r : "");
    return r ? text : NULL;
}

Test(pane_console, long_lines_take_several_rows)
{
    pane_console_add(&console, "abcdefgh\n\nxy\n");
    cr_assert_str_eq(row(0, 3), "xy");
    cr_assert_str_eq(row(1, 3), "");
    cr_assert_str_eq(row(2, 3), "gh");
    cr_assert_str_eq(row(3, 3), "def");
    cr_assert_str_eq(row(4, 3), "abc");
    cr_assert_null(row(5, 3));
    cr_assert_null(row(0, 0));
}

Test(pane_console, scrolling_ends_at_both_ends)
{
    pane_console_add(&console, "1\n2\n3\n4\n5");
    pane_console_scroll(&console, 1, 80, 3);
    cr_assert_str_eq(row(0, 80), "4");
    pane_console_scroll(&console, 10, 80, 3);
    cr_assert_str_eq(row(2, 80), "1");
    pane_console_scroll(&console, -1, 80, 3);
    cr_assert_str_eq(row(0, 80), "4");
    pane_console_scroll(&console, -9, 80, 3);
    cr_assert_str_eq(row(0, 80), "5");
    pane_console_scroll(&console, 1, 80, 3);
    pane_console_add(&console, "6"); /* what is new is shown */
    cr_assert_str_eq(row(0, 80), "6");
    pane_console_scroll(&console, 5, 80, 50); /* all of it fits */
    cr_assert_str_eq(row(0, 80), "6");
}

Test(pane_console, only_so_many_lines_are_kept)
{
    char text[20];

    for (unsigned i = 0; i < PANE_CONSOLE_LINES + 10; i++) {
        snprintf(text, sizeof text, "%u", i);
        pane_console_add(&console, text);
    }
    cr_assert_eq(console.count, PANE_CONSOLE_LINES);
    cr_assert_str_eq(row(0, 80), "2009");
    cr_assert_str_eq(row(PANE_CONSOLE_LINES - 1, 80), "10");
    cr_assert_null(row(PANE_CONSOLE_LINES, 80));
}

/* ---- Layout ---- */

static bool apart(const struct scale_rect *a, const struct scale_rect *b)
{
    return !a->h || !b->h || a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y ||
           b->y + b->h <= a->y;
}

static void check_layout(s32 w, s32 h)
{
    struct pane_layout l = pane_lay_out(w, h);

    cr_assert(l.guest.w > 0 && l.guest.h > 0, "%dx%d", w, h);
    for (unsigned i = 0; i < PANE_PARTS; i++) {
        const struct scale_rect *r = &l.part[i];

        cr_assert(r->h >= 0 && r->x >= 0 && r->y >= 0, "%dx%d part %u", w, h, i);
        cr_assert(!r->h || (r->x + r->w <= w && r->y + r->h <= h), "%dx%d part %u", w, h, i);
        cr_assert(apart(r, &l.guest), "%dx%d part %u over the guest", w, h, i);
        for (unsigned j = 0; j < i; j++)
            cr_assert(apart(r, &l.part[j]), "%dx%d parts %u and %u", w, h, i, j);
    }
}

TestSuite(pane, .timeout = 120);

Test(pane, parts_never_overlap_and_the_guest_keeps_a_place)
{
    for (s32 w = 1; w < 2000; w += 37)
        for (s32 h = 1; h < 1500; h += 23)
            check_layout(w, h);
}

Test(pane, a_window_of_640_by_400_has_the_main_parts)
{
    struct pane_layout l = pane_lay_out(640, 400);

    cr_assert_geq(pane_columns(&l.part[PANE_CODE_PART]), 34);
    cr_assert_geq(pane_rows(&l.part[PANE_REGISTERS_PART]), 10);
    cr_assert_geq(pane_rows(&l.part[PANE_CODE_PART]), 4);
    cr_assert_geq(pane_rows(&l.part[PANE_CONSOLE_PART]), 3);
    cr_assert_gt(l.guest.w, 300);
    cr_assert_gt(l.guest.h, 200);
}

Test(pane, a_large_window_shows_all_and_the_whole_picture)
{
    struct scale_size wish = pane_wish();
    struct pane_layout l = pane_lay_out(720 + wish.w, 540 + wish.h);

    for (unsigned i = 0; i < PANE_PARTS; i++)
        cr_assert_gt(l.part[i].h, 0, "part %u", i);
    for (unsigned i = 0; i < PANE_BUTTONS; i++)
        cr_assert_gt(l.button[i].w, 0, "button %u", i);
    cr_assert_geq(l.guest.w, 720);
    cr_assert_geq(l.guest.h, 540);
    cr_assert_geq(pane_columns(&l.part[PANE_MEMORY_PART]), 76);
}

Test(pane, a_click_finds_part_row_and_button)
{
    struct pane_layout l = pane_lay_out(1160, 840);
    const struct scale_rect *code = &l.part[PANE_CODE_PART], *b = &l.button[PANE_STEP];
    int at;

    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 3, &at), PANE_CODE_PART);
    cr_assert_eq(at, -1);
    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 22, &at), PANE_CODE_PART);
    cr_assert_eq(at, 0);
    cr_assert_eq(pane_part_at(&l, code->x + 30, code->y + 22 + 5 * 16, &at), PANE_CODE_PART);
    cr_assert_eq(at, 5);
    cr_assert_eq(pane_part_at(&l, 10, 10, &at), PANE_PARTS);
    cr_assert_eq(pane_button_at(&l, b->x + 2, b->y + 2), PANE_STEP);
    cr_assert_eq(pane_button_at(&l, 1, 1), PANE_BUTTONS);
}

/* ---- The machine ---- */

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
