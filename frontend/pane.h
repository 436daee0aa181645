/*
 * The debugger's panes: what they show, where they are, how they look. Pure: pane_gather.c fills a
 * view on the machine thread, window_panes.c shows it.
 *
 *   +---------------------+-------------+
 *   | the guest's         | registers   |
 *   | picture             | code        |
 *   |                     | stack       |
 *   +---------------------+ breakpoints |
 *   | memory              |             |
 *   | console             |             |
 *   +---------------------+-------------+
 *   | [F5 Go on] [F11 Step] ...         |
 *   +-----------------------------------+
 */
#ifndef FRONTEND_PANE_H
#define FRONTEND_PANE_H

#include "base/types.h"
#include "frontend/osd.h"
#include "frontend/pane_console.h"
#include "frontend/pane_line.h"
#include "frontend/window_scale.h"

struct machine;

enum {
    PANE_ROWS = 64, /* at most, of a pane */
    PANE_REGISTERS = 24,
    PANE_TEXT = 120,
    PANE_PLACE = 20,
    PANE_WHAT = 80,
    PANE_ROW_BYTES = 16, /* of memory */
};

/* ---- What the machine is asked ---- */

struct pane_request {
    unsigned code_rows, stack_rows, memory_rows; /* how many fit; at most PANE_ROWS */
    u64 code_start;         /* of the first line; kept while the next instruction is in sight */
    bool code_fixed;        /* kept in any case */
    int code_scroll;        /* instructions further down, or up */
    char code[PANE_WHAT];   /* an expression, which goes before code_start; "": none */
    char memory[PANE_WHAT]; /* an expression; "": DS:(E)SI */
    s64 memory_offset;      /* bytes behind it */
};

/* ---- And what it answers ---- */

struct pane_register {
    const char *name;
    u8 digits;
    bool new_row; /* it looks best at the left */
    u64 value;
};

enum pane_point { PANE_NO_POINT, PANE_POINT, PANE_POINT_OFF };

struct pane_code {
    bool label; /* only `text` counts: a symbol's name */
    bool current;
    enum pane_point point;
    int point_id;
    u64 la;
    char place[PANE_PLACE], bytes[32], text[PANE_TEXT];
};

struct pane_stack {
    char place[PANE_PLACE], value[12], name[PANE_WHAT];
};

struct pane_memory {
    char place[PANE_PLACE];
    u8 bytes[PANE_ROW_BYTES];
    u8 count; /* how many could be read */
};

struct pane_view {
    bool paused, past;
    u64 instructions, now_ns;
    char state[PANE_TEXT]; /* "real mode, halted" */
    char stop[PANE_TEXT];  /* why it stands still, or "" */
    char flags[PANE_WHAT];
    struct pane_register registers[PANE_REGISTERS];
    unsigned register_count;
    struct pane_code code[PANE_ROWS];
    unsigned code_count;
    u64 code_start;
    struct pane_stack stack[PANE_ROWS];
    unsigned stack_count;
    struct pane_memory memory[PANE_ROWS];
    unsigned memory_count;
    char memory_what[PANE_WHAT]; /* the expression, or what went wrong: */
    char memory_trouble[PANE_TEXT], code_trouble[PANE_TEXT];
    char points[PANE_ROWS][PANE_TEXT];
    unsigned point_count;
};

struct pane_gather {
    struct pane_request ask;
    struct pane_view view;
};

/* Fill a struct pane_gather's view; on the machine thread (machine_post, frontend_call). */
void pane_gather(struct machine *m, void *gather);

/* ---- Layout ---- */

enum pane_part {
    PANE_REGISTERS_PART,
    PANE_CODE_PART,
    PANE_STACK_PART,
    PANE_POINTS_PART,
    PANE_MEMORY_PART,
    PANE_CONSOLE_PART,
    PANE_BUTTONS_PART,
    PANE_PARTS
};

/* Buttons, in their order. */
enum pane_button {
    PANE_GO,
    PANE_STEP,
    PANE_OVER,
    PANE_OUT,
    PANE_STEP_BACK,
    PANE_GO_BACK,
    PANE_BREAK,
    PANE_BUTTONS
};

struct pane_layout {
    struct scale_rect guest;
    struct scale_rect part[PANE_PARTS]; /* with their titles; h is 0: there is no room */
    struct scale_rect button[PANE_BUTTONS];
};

/* On a canvas of this size. The guest keeps its part, whatever is asked. */
struct pane_layout pane_lay_out(s32 width, s32 height);
/* By how much a canvas for a picture alone must grow to show all panes well. */
struct scale_size pane_wish(void);
/* Rows of text under a part's title; characters in a row. */
unsigned pane_rows(const struct scale_rect *r);
unsigned pane_columns(const struct scale_rect *r);
/* The part at a place, PANE_PARTS: none; its row of text (-1: the title). */
enum pane_part pane_part_at(const struct pane_layout *l, s32 x, s32 y, int *row);
/* PANE_BUTTONS: none. */
enum pane_button pane_button_at(const struct pane_layout *l, s32 x, s32 y);

/* ---- Drawing ---- */

enum pane_focus { PANE_FOCUS_NONE, PANE_FOCUS_LINE, PANE_FOCUS_MEMORY, PANE_FOCUS_CODE };

struct pane_look {
    const struct pane_view *view; /* NULL: not there yet */
    const bool *changed;          /* of each register: since the last stop */
    const struct pane_console *console;
    const struct pane_line *line, *memory, *code; /* what is typed */
    enum pane_focus focus;
    bool busy; /* the machine has not answered for a while */
};

const char *pane_button_label(enum pane_button b, bool paused);
void pane_draw(const struct pane_look *look, const struct pane_layout *l,
               const struct osd_canvas *c);

#endif
