/*
 * The menu: its pages, and keys and mouse while it is open. The machine runs on meanwhile.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

#include <stdio.h>
#include <string.h>

/* Rows that are no action: numbered from here on. */
enum { ROW_KEYS = 100, ROW_MEDIA = 200, ROW_MODES = 300 };

/* Combinations that a window system or a keyboard may keep for itself. */
static const struct {
    const char *label, *keys;
} key_rows[] = {
    {"Ctrl-Alt-Del", "ctrl-alt-delete"},
    {"Ctrl-Alt-Backspace", "ctrl-alt-backspace"},
    {"Ctrl-Esc", "ctrl-esc"},
    {"Alt-Tab", "alt-tab"},
    {"Alt-F4", "alt-f4"},
    {"Ctrl-Break", "ctrl-pause"},
    {"Alt-SysRq", "alt-printscreen"},
    {"Print Screen", "printscreen"},
    {"Scroll Lock", "scrolllock"},
    {"Windows key", "lwin"},
    {"Menu key", "menu"},
    {"Right Ctrl", "rctrl"},
    {"Ctrl-Alt-F1", "ctrl-alt-f1"},
    {"Ctrl-Alt-F2", "ctrl-alt-f2"},
    {"Ctrl-Alt-F3", "ctrl-alt-f3"},
};

/* What can be done to drives with removable media. */
static const struct {
    const char *label, *drive;
    bool eject;
} media_rows[] = {
    {"Insert file into the first floppy drive", "fda", false},
    {"Insert file into the second floppy drive", "fdb", false},
    {"Insert file into the CD drive", "cdrom", false},
    {"Eject the first floppy", "fda", true},
    {"Eject the second floppy", "fdb", true},
    {"Eject the CD", "cdrom", true},
};

static const char *const mode_names[SCALE_MODES] = {
    "Shape of the monitor",
    "Whole pixels",
    "All of the window",
};

/* ---- Pages ---- */

static struct osd_row *add_action(struct osd_menu *m, enum window_action_id id)
{
    return osd_menu_add(m, (int)id, window_actions[id].label, window_actions[id].key_name);
}

static void build_main(struct window *w, struct osd_menu *m)
{
    osd_menu_begin(m, "Bygone (right Ctrl and the letter do the same)");
    add_action(m, ACTION_CTRL_ALT_DEL);
    add_action(m, ACTION_KEYS)->opens = true;
    add_action(m, ACTION_INSERT);
    add_action(m, ACTION_MEDIA)->opens = true;
    osd_menu_add_line(m);
    add_action(m, ACTION_PAUSE)->checked = w->status.paused;
    add_action(m, ACTION_RESET);
    add_action(m, ACTION_POWER);
    osd_menu_add_line(m);
    add_action(m, ACTION_SCREENSHOT);
    add_action(m, ACTION_COPY);
    add_action(m, ACTION_PASTE);
    osd_menu_add_line(m);
    add_action(m, ACTION_SLIDER);
    add_action(m, ACTION_PANES)->checked = window_panes_is_open(w);
    add_action(m, ACTION_FORK);
    osd_menu_add_line(m);
    add_action(m, ACTION_GRAB)->checked = w->menu.regrab;
    add_action(m, ACTION_FULLSCREEN)->checked = w->fullscreen;
    add_action(m, ACTION_SCALING)->opens = true;
    osd_menu_add_line(m);
    add_action(m, ACTION_QUIT);
}

static void build_keys(struct osd_menu *m)
{
    unsigned i;

    osd_menu_begin(m, "Send keys");
    for (i = 0; i < ARRAY_LEN(key_rows); i++)
        osd_menu_add(m, ROW_KEYS + (int)i, key_rows[i].label, NULL);
}

static void build_media(struct osd_menu *m)
{
    unsigned i;

    osd_menu_begin(m, "Disks and CDs");
    for (i = 0; i < ARRAY_LEN(media_rows); i++) {
        if (i && media_rows[i].eject != media_rows[i - 1].eject)
            osd_menu_add_line(m);
        osd_menu_add(m, ROW_MEDIA + (int)i, media_rows[i].label, NULL);
    }
}

static void build_scaling(struct window *w, struct osd_menu *m)
{
    unsigned i;

    osd_menu_begin(m, "Scaling");
    for (i = 0; i < SCALE_MODES; i++)
        osd_menu_add(m, ROW_MODES + (int)i, mode_names[i], NULL)->checked = w->mode == i;
    osd_menu_add_line(m);
    add_action(m, ACTION_NEXT_SCALING);
    add_action(m, ACTION_LARGER);
    add_action(m, ACTION_SMALLER);
    add_action(m, ACTION_OWN_SIZE);
}

static void build_file(struct window *w, struct osd_menu *m)
{
    osd_menu_begin(m, "Insert a floppy or CD image");
    m->input = w->menu.file.text;
    m->input_hint = "Tab completes the name, Enter inserts, Esc goes back";
    snprintf(m->footer, sizeof m->footer, "or drop the file onto the window");
}

static void build(struct window *w)
{
    struct osd_menu *m = &w->menu.look;
    unsigned chosen = m->chosen;

    switch (w->menu.page) {
    case PAGE_NONE: return;
    case PAGE_MAIN: build_main(w, m); break;
    case PAGE_KEYS: build_keys(m); break;
    case PAGE_MEDIA: build_media(m); break;
    case PAGE_SCALING: build_scaling(w, m); break;
    case PAGE_FILE: build_file(w, m); break;
    }
    if (w->menu.page == PAGE_MAIN)
        snprintf(m->footer, sizeof m->footer, "%.0f %% speed, %.0f MIPS%s%s", w->status.speed * 100,
                 w->status.mips, w->leds[0] ? ", disk " : "", w->leds);
    m->chosen = chosen < m->count ? chosen : 0;
    w->overlay.layer.old = true;
}

bool window_menu_is_open(const struct window *w)
{
    return w->menu.page != PAGE_NONE;
}

void window_menu_refresh(struct window *w)
{
    build(w);
}

static void go_to(struct window *w, enum window_page page)
{
    w->menu.page = page;
    w->menu.look.chosen = 0;
    if (page == PAGE_FILE)
        path_input_clear(&w->menu.file);
    build(w);
    w->overlay.layer.old = true;
}

void window_menu_open(struct window *w, enum window_page page)
{
    if (!window_menu_is_open(w)) {
        w->menu.regrab = w->grabbed;
        window_input_release_all(w);
        window_set_grab(w, false);
    }
    w->menu.drive = NULL;
    go_to(w, page);
}

void window_menu_close(struct window *w)
{
    if (!window_menu_is_open(w))
        return;
    go_to(w, PAGE_NONE);
    window_set_grab(w, w->menu.regrab);
}

/* ---- Choosing ---- */

static void choose_media(struct window *w, unsigned i)
{
    char line[32];

    if (i >= ARRAY_LEN(media_rows))
        return;
    if (!media_rows[i].eject) {
        w->menu.drive = media_rows[i].drive;
        go_to(w, PAGE_FILE);
        return;
    }
    snprintf(line, sizeof line, "eject %s", media_rows[i].drive);
    window_menu_close(w);
    window_command(w, line, "ejected");
}

static void choose_keys(struct window *w, unsigned i)
{
    char line[48];

    if (i >= ARRAY_LEN(key_rows))
        return;
    snprintf(line, sizeof line, "sendkey %s", key_rows[i].keys);
    window_menu_close(w);
    window_command(w, line, key_rows[i].label);
}

static void choose(struct window *w, int id)
{
    if (id >= ROW_MODES) {
        w->mode = (enum scale_mode)(id - ROW_MODES);
        w->dirty = true;
        build(w);
    } else if (id >= ROW_MEDIA) {
        choose_media(w, (unsigned)(id - ROW_MEDIA));
    } else if (id >= ROW_KEYS) {
        choose_keys(w, (unsigned)(id - ROW_KEYS));
    } else if (id >= 0) {
        if (w->menu.page == PAGE_MAIN)
            window_menu_close(w); /* those that lead to a page open it again */
        window_actions[id].run(w);
        window_menu_refresh(w);
    }
}

static void back(struct window *w)
{
    if (w->menu.page == PAGE_MAIN)
        window_menu_close(w);
    else
        go_to(w, PAGE_MAIN);
}

static void enter(struct window *w)
{
    char path[PATH_INPUT_MAX];

    if (w->menu.page != PAGE_FILE) {
        if (w->menu.look.count)
            choose(w, w->menu.look.row[w->menu.look.chosen].id);
        return;
    }
    if (!w->menu.file.len)
        return;
    strcpy(path, w->menu.file.text);
    window_menu_close(w);
    window_insert(w, w->menu.drive, path);
}

void window_menu_key(struct window *w, SDL_Scancode key)
{
    struct window_menu *m = &w->menu;

    switch (key) {
    case SDL_SCANCODE_UP: osd_menu_move(&m->look, -1); break;
    case SDL_SCANCODE_DOWN: osd_menu_move(&m->look, 1); break;
    case SDL_SCANCODE_RETURN:
    case SDL_SCANCODE_KP_ENTER: enter(w); break;
    case SDL_SCANCODE_RIGHT:
        if (m->look.count && m->look.row[m->look.chosen].opens)
            enter(w);
        break;
    case SDL_SCANCODE_LEFT:
        if (m->page != PAGE_FILE)
            back(w);
        break;
    case SDL_SCANCODE_ESCAPE: back(w); break;
    case SDL_SCANCODE_BACKSPACE: path_input_erase(&m->file); break;
    case SDL_SCANCODE_TAB: path_input_complete(&m->file); break;
    default: break;
    }
    w->overlay.layer.old = true;
}

void window_menu_text(struct window *w, const char *text)
{
    if (w->menu.page == PAGE_FILE)
        path_input_add(&w->menu.file, text);
    w->overlay.layer.old = true;
}

void window_menu_mouse(struct window *w, s32 x, s32 y, bool click)
{
    int row;

    window_canvas_point(w, &x, &y);
    row = osd_menu_row_at(&w->menu.look, &w->overlay.layer.canvas, x, y);
    if (row >= 0 && w->menu.look.chosen != (unsigned)row) {
        w->menu.look.chosen = (unsigned)row;
        w->overlay.layer.old = true;
    }
    if (click && row >= 0)
        enter(w);
    else if (click && w->menu.page != PAGE_FILE)
        window_menu_close(w); /* a click beside it */
}
#endif
