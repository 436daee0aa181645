/*
 * The debugger's panes in the window. What they show comes from the machine thread as a copy, again
 * whenever the machine has moved on while it stands still, and some times a second while it runs.
 * What they do are commands of the common set.
 *
 * Keyboard and mouse are theirs until a click into the guest's picture gives both to the guest; the
 * host key gives them back.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNNING_MS = 200,  /* between two looks at a running machine */
    BUSY_MS = 300,     /* no answer for so long: say so */
    STEPS_WAITING = 3, /* a key that repeats must not get ahead of the machine */
    WHEEL_ROWS = 3,
};

static const char welcome[] =
    "F5 stops the machine. A click into the picture gives the keyboard to the guest,\n"
    "the right Ctrl key takes it back.\n"
    "Commands: break 0x7c00, watch word 0x46c, catch dos 4bh, info dos, who-wrote eax, why ...";

static struct pane_layout layout(const struct window *w)
{
    struct scale_size size = window_panes_size(w);

    return pane_lay_out(size.w, size.h);
}

bool window_panes_is_open(const struct window *w)
{
    return w->panes.open;
}

bool window_panes_has_keys(const struct window *w)
{
    return w->panes.open && !w->grabbed && !window_menu_is_open(w) && !window_slider_is_open(w);
}

static void redraw(struct window *w)
{
    w->chrome.old = true;
}

void window_panes_toggle(struct window *w)
{
    struct window_panes *p = &w->panes;

    if (!p->open && !window_asker(w))
        return;
    if (!p->gather)
        p->gather = calloc(1, sizeof *p->gather);
    if (!p->asker)
        p->asker = asker_new(w->f, window_notify);
    if (!p->gather || !p->asker) {
        window_say(w, "The host has no memory for the debugger.");
        return;
    }
    window_menu_close(w);
    window_input_release_all(w);
    window_set_grab(w, false);
    p->open = !p->open;
    if (!p->console.count)
        pane_console_add(&p->console, welcome);
    p->focus = PANE_FOCUS_LINE;
    p->old = true;
    redraw(w);
    w->dirty = true;
    window_follow_size(w);
}

/* ---- Commands ---- */

static void run(struct window *w, const char *line)
{
    if (asker_pending(w->asker) < STEPS_WAITING)
        asker_command(w->asker, ASK_STEP, line);
}

/* A breakpoint at a line of code, or none any more. */
static void toggle_point(struct window *w, const struct pane_code *line)
{
    char command[60];

    if (line->label)
        return;
    if (line->point != PANE_NO_POINT)
        snprintf(command, sizeof command, "delete %d", line->point_id);
    else if (strchr(line->place, ':'))
        snprintf(command, sizeof command, "break 0x%.4s:0x%.8s", line->place, line->place + 5);
    else
        snprintf(command, sizeof command, "break 0x%llx", (unsigned long long)line->la);
    run(w, command);
}

static void toggle_here(struct window *w)
{
    const struct pane_view *v = &w->panes.view;

    w->panes.toggle = false;
    for (unsigned i = 0; i < v->code_count; i++)
        if (v->code[i].current && !v->code[i].label) {
            toggle_point(w, &v->code[i]);
            return;
        }
}

/* ---- Asking ---- */

static void ask(struct window *w)
{
    struct window_panes *p = &w->panes;
    struct pane_request *r = &p->gather->ask;
    struct pane_layout l = layout(w);

    *r = (struct pane_request){
        .code_rows = pane_rows(&l.part[PANE_CODE_PART]),
        .stack_rows = pane_rows(&l.part[PANE_STACK_PART]),
        .memory_rows = pane_rows(&l.part[PANE_MEMORY_PART]),
        .code_start = p->code_start,
        .code_fixed = p->code_fixed,
        .code_scroll = p->code_scroll,
        .memory_offset = p->memory_offset,
    };
    snprintf(r->code, sizeof r->code, "%s", p->code_what);
    snprintf(r->memory, sizeof r->memory, "%s", p->memory_what);
    if (!asker_call(w->asker, ASK_PANES, pane_gather, p->gather))
        return;
    p->asked = true;
    p->asked_ms = SDL_GetTicks();
    p->next_ms = p->asked_ms + RUNNING_MS;
    p->code_fixed |= p->code_scroll != 0;
    p->code_scroll = 0;
    p->old = false;
}

/* The window has another size than when the machine was asked. */
static bool has_other_rows(const struct window *w)
{
    const struct pane_request *r = &w->panes.gather->ask;
    struct pane_layout l = layout(w);

    return r->code_rows != pane_rows(&l.part[PANE_CODE_PART]) ||
           r->stack_rows != pane_rows(&l.part[PANE_STACK_PART]) ||
           r->memory_rows != pane_rows(&l.part[PANE_MEMORY_PART]);
}

void window_panes_tick(struct window *w)
{
    struct window_panes *p = &w->panes;
    bool paused = w->status.paused;

    if (!p->open)
        return;
    if (p->asked) {
        if (SDL_TICKS_PASSED(SDL_GetTicks(), p->asked_ms + BUSY_MS))
            redraw(w);
        return;
    }
    if (p->old || !p->has_view || has_other_rows(w) || paused != p->view.paused ||
        (paused ? w->moment.instructions != p->view.instructions
                : SDL_TICKS_PASSED(SDL_GetTicks(), p->next_ms)))
        ask(w);
}

/* Which registers differ from the last standstill; only a new one changes that. */
static void compare(struct window_panes *p, const struct pane_view *v)
{
    bool moved = !p->has_view || !p->view.paused || p->view.instructions != v->instructions;

    for (unsigned i = 0; i < v->register_count; i++) {
        if (moved)
            p->changed[i] = v->paused && p->has_before && p->before[i] != v->registers[i].value;
        if (v->paused)
            p->before[i] = v->registers[i].value;
    }
    p->has_before |= v->paused;
}

static void show_view(struct window *w)
{
    struct window_panes *p = &w->panes;
    const struct pane_view *v = &p->gather->view;
    bool moved = v->paused && (!p->has_view || v->instructions != p->view.instructions);

    compare(p, v);
    if (moved && v->stop[0])
        pane_console_add(&p->console, v->stop);
    if (moved && p->has_view && (p->code_fixed || p->code_what[0])) {
        /* Where it stands now is what counts. */
        p->code_fixed = false;
        p->code_what[0] = 0;
        pane_line_set(&p->code, "");
        p->old = true;
    }
    p->view = *v;
    p->has_view = true;
    p->code_start = v->code_start;
    if (p->toggle && !p->old) /* this view was asked for behind the key */
        toggle_here(w);
    redraw(w);
}

void window_panes_answer(struct window *w, const struct asker_answer *a)
{
    struct window_panes *p = &w->panes;

    if (a->tag == ASK_PANES) {
        p->asked = false;
        if (a->good)
            show_view(w);
        return;
    }
    if (a->tag == ASK_LINE || !a->good)
        pane_console_add(&p->console, a->text.len ? a->text.data : a->good ? "" : "it failed");
    p->old = true;
    redraw(w);
}

/* ---- Buttons ---- */

static void press(struct window *w, enum pane_button b)
{
    switch (b) {
    case PANE_GO: run(w, w->status.paused ? "cont" : "stop"); break;
    case PANE_STEP: run(w, "step"); break;
    case PANE_OVER: run(w, "next"); break;
    case PANE_OUT: run(w, "finish"); break;
    case PANE_STEP_BACK: run(w, "step-back"); break;
    case PANE_GO_BACK: run(w, "continue-back"); break;
    case PANE_BREAK: /* where it stands now, not where it was seen last */
        w->panes.toggle = w->panes.old = true;
        break;
    default: break;
    }
}

bool window_panes_step_key(struct window *w, SDL_Scancode key)
{
    static const struct {
        SDL_Scancode key;
        enum pane_button button;
    } keys[] = {
        {SDL_SCANCODE_F5, PANE_GO},        {SDL_SCANCODE_F6, PANE_GO_BACK},
        {SDL_SCANCODE_F7, PANE_STEP_BACK}, {SDL_SCANCODE_F8, PANE_OUT},
        {SDL_SCANCODE_F9, PANE_BREAK},     {SDL_SCANCODE_F10, PANE_OVER},
        {SDL_SCANCODE_F11, PANE_STEP},
    };

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].key == key) {
            press(w, keys[i].button);
            return true;
        }
    return false;
}

/* ---- Typing ---- */

static struct pane_line *focused(struct window_panes *p)
{
    return p->focus == PANE_FOCUS_MEMORY ? &p->memory
           : p->focus == PANE_FOCUS_CODE ? &p->code
                                         : &p->line;
}

static void enter(struct window *w)
{
    struct window_panes *p = &w->panes;
    struct pane_line *l = focused(p);
    char echo[PANE_LINE_MAX + 3];

    if (l == &p->line) {
        if (!l->len)
            return;
        snprintf(echo, sizeof echo, "> %s", l->text);
        pane_console_add(&p->console, echo);
        if (!asker_command(p->asker, ASK_LINE, l->text))
            pane_console_add(&p->console, "the host has no memory for it");
        pane_line_done(l);
        return;
    }
    if (l == &p->memory) {
        snprintf(p->memory_what, sizeof p->memory_what, "%.*s", PANE_WHAT - 1, l->text);
        p->memory_offset = 0;
    } else {
        snprintf(p->code_what, sizeof p->code_what, "%.*s", PANE_WHAT - 1, l->text);
        p->code_fixed = false;
    }
    p->focus = PANE_FOCUS_LINE;
    p->old = true;
}

/* Back to what was entered before, or to an empty line. */
static void leave(struct window_panes *p)
{
    if (p->focus == PANE_FOCUS_LINE)
        pane_line_edit(&p->line, PANE_LINE_CLEAR);
    pane_line_set(&p->memory, p->memory_what);
    pane_line_set(&p->code, p->code_what);
    p->focus = PANE_FOCUS_LINE;
}

static void scroll(struct window *w, enum pane_part part, int rows)
{
    struct window_panes *p = &w->panes;
    struct pane_layout l = layout(w);
    const struct scale_rect *r = &l.part[part];

    if (part == PANE_CONSOLE_PART) {
        pane_console_scroll(&p->console, -rows, pane_columns(r),
                            pane_rows(r) ? pane_rows(r) - 1 : 0);
    } else if (part == PANE_MEMORY_PART) {
        p->memory_offset += rows * PANE_ROW_BYTES;
        p->old = true;
    } else if (part == PANE_CODE_PART) {
        p->code_scroll += rows;
        p->old = true;
    }
    redraw(w);
}

static void page(struct window *w, int sign)
{
    enum pane_focus f = w->panes.focus;
    enum pane_part part = f == PANE_FOCUS_MEMORY ? PANE_MEMORY_PART
                          : f == PANE_FOCUS_CODE ? PANE_CODE_PART
                                                 : PANE_CONSOLE_PART;
    struct pane_layout l = layout(w);
    int rows = (int)pane_rows(&l.part[part]);

    scroll(w, part, sign * (rows > 2 ? rows - 2 : 1));
}

static bool edit_key(struct window_panes *p, SDL_Scancode key)
{
    static const struct {
        SDL_Scancode key;
        enum pane_line_key edit;
    } keys[] = {
        {SDL_SCANCODE_LEFT, PANE_LINE_LEFT},
        {SDL_SCANCODE_RIGHT, PANE_LINE_RIGHT},
        {SDL_SCANCODE_HOME, PANE_LINE_HOME},
        {SDL_SCANCODE_END, PANE_LINE_END},
        {SDL_SCANCODE_BACKSPACE, PANE_LINE_BACKSPACE},
        {SDL_SCANCODE_DELETE, PANE_LINE_DELETE},
        {SDL_SCANCODE_UP, PANE_LINE_OLDER},
        {SDL_SCANCODE_DOWN, PANE_LINE_NEWER},
    };

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].key == key) {
            pane_line_edit(focused(p), keys[i].edit);
            return true;
        }
    return false;
}

bool window_panes_key(struct window *w, SDL_Scancode key)
{
    struct window_panes *p = &w->panes;

    redraw(w);
    if (window_panes_step_key(w, key) || edit_key(p, key))
        return true;
    switch (key) {
    case SDL_SCANCODE_RETURN:
    case SDL_SCANCODE_KP_ENTER: enter(w); return true;
    case SDL_SCANCODE_ESCAPE: leave(p); return true;
    case SDL_SCANCODE_TAB:
        p->focus = p->focus == PANE_FOCUS_LINE     ? PANE_FOCUS_MEMORY
                   : p->focus == PANE_FOCUS_MEMORY ? PANE_FOCUS_CODE
                                                   : PANE_FOCUS_LINE;
        return true;
    case SDL_SCANCODE_PAGEUP: page(w, -1); return true;
    case SDL_SCANCODE_PAGEDOWN: page(w, 1); return true;
    default: return false;
    }
}

void window_panes_text(struct window *w, const char *text)
{
    pane_line_add(focused(&w->panes), text);
    redraw(w);
}

/* ---- Mouse ---- */

bool window_panes_click(struct window *w, s32 x, s32 y)
{
    struct window_panes *p = &w->panes;
    struct pane_layout l = layout(w);
    enum pane_part part;
    int row;

    window_canvas_point(w, &x, &y);
    part = pane_part_at(&l, x, y, &row);
    if (part == PANE_PARTS)
        return false;
    leave(p);
    if (part == PANE_BUTTONS_PART)
        press(w, pane_button_at(&l, x, y));
    else if (part == PANE_MEMORY_PART)
        p->focus = PANE_FOCUS_MEMORY;
    else if (part == PANE_CODE_PART && row < 0)
        p->focus = PANE_FOCUS_CODE;
    else if (part == PANE_CODE_PART && (unsigned)row < p->view.code_count)
        toggle_point(w, &p->view.code[row]);
    redraw(w);
    return true;
}

bool window_panes_wheel(struct window *w, s32 y)
{
    struct pane_layout l = layout(w);
    int row, mouse_x, mouse_y;
    enum pane_part part;

    SDL_GetMouseState(&mouse_x, &mouse_y);
    window_canvas_point(w, &mouse_x, &mouse_y);
    part = pane_part_at(&l, mouse_x, mouse_y, &row);
    if (part == PANE_PARTS)
        return false;
    scroll(w, part, -y * WHEEL_ROWS);
    return true;
}

/* ---- Drawing ---- */

void window_panes_draw(struct window *w, const struct osd_canvas *c)
{
    struct window_panes *p = &w->panes;
    struct pane_layout l = layout(w);
    struct pane_look look = {
        .view = p->has_view ? &p->view : NULL,
        .changed = p->changed,
        .console = &p->console,
        .line = &p->line,
        .memory = &p->memory,
        .code = &p->code,
        .focus = window_panes_has_keys(w) ? p->focus : PANE_FOCUS_NONE,
        .busy = p->asked && SDL_TICKS_PASSED(SDL_GetTicks(), p->asked_ms + BUSY_MS),
    };

    pane_draw(&look, &l, c);
}

void window_panes_free(struct window *w)
{
    struct window_panes *p = &w->panes;

    asker_free(p->asker);
    p->asker = NULL;
    p->open = false;
    free(p->gather);
    p->gather = NULL;
    pane_console_free(&p->console);
}
#endif
