/*
 * What the user can do to the machine and its window. One row is one thing, which the host key and
 * the menu both offer.
 */
#ifdef HAVE_SDL2
#include "frontend/commands.h"
#include "frontend/insert.h"
#include "frontend/picture.h"
#include "frontend/screen.h"
#include "frontend/window_private.h"

#include <stdio.h>

enum { FEWEST_HALVES = 1, MOST_HALVES = 8 };

/* ---- Commands of the common set ---- */

static void cut_newlines(struct text *t)
{
    while (t->len && t->data[t->len - 1] == '\n')
        t->data[--t->len] = 0;
}

void window_command(struct window *w, const char *line, const char *done)
{
    struct text out = {0};

    frontend_command(w->f, line, &out);
    cut_newlines(&out);
    window_say(w, out.len ? out.data : done);
    text_free(&out);
}

void window_insert(struct window *w, const char *drive, const char *path)
{
    char line[COMMAND_LINE_MAX];
    struct text out = {0};

    if (!drive)
        insert_file(w->f, path, &out);
    else if (insert_command(drive, path, line, sizeof line, &out) &&
             frontend_command(w->f, line, &out))
        text_addf(&out, "%s: '%s'", drive, path);
    cut_newlines(&out);
    window_say(w, out.len ? out.data : "out of memory");
    text_free(&out);
}

static void do_ctrl_alt_del(struct window *w)
{
    window_command(w, "sendkey ctrl-alt-delete", "Ctrl-Alt-Del");
}

static void do_pause(struct window *w)
{
    bool pause = !w->status.paused;

    window_command(w, pause ? "stop" : "cont",
                   pause ? "Paused. Right Ctrl+P lets it go on." : "It goes on.");
    w->status.paused = pause;
    w->title_next = SDL_GetTicks();
}

static void do_reset(struct window *w)
{
    window_command(w, "reset", "Reset.");
}

static void do_power(struct window *w)
{
    window_command(w, "powerdown", "The power button was pressed.");
}

static void do_fork(struct window *w)
{
    struct text out = {0};
    bool good = frontend_command(w->f, "fork --display window", &out);

    cut_newlines(&out);
    window_say(w, good      ? "A second window goes on from here, too."
                  : out.len ? out.data
                            : "out of memory");
    text_free(&out);
}

static void do_quit(struct window *w)
{
    frontend_quit(w->f, 0);
}

static void do_screenshot(struct window *w)
{
    char file[64], line[100], done[100];

    picture_name(file, sizeof file);
    snprintf(line, sizeof line, "screendump %s", file);
    snprintf(done, sizeof done, "Saved as %s.", file);
    window_command(w, line, done);
}

/* ---- Clipboard ---- */

static void do_copy(struct window *w)
{
    const struct frontend_view *view = frontend_lock_view(w->f);
    struct text text = {0};
    bool is_text = view->frame.text;

    if (is_text)
        screen_add_text(&view->frame, &text);
    frontend_unlock_view(w->f);
    if (!is_text)
        window_say(w, "The guest shows graphics: there is no text to copy.");
    else if (!SDL_SetClipboardText(text.data ? text.data : ""))
        window_say(w, "The text screen was copied.");
    text_free(&text);
}

static void do_paste(struct window *w)
{
    char *text = SDL_GetClipboardText();

    if (text && *text)
        typist_add_text(&w->typist, text);
    else
        window_say(w, "There is no text on the clipboard.");
    SDL_free(text);
}

/* ---- Menu ---- */

static void do_menu(struct window *w)
{
    if (window_menu_is_open(w))
        window_menu_close(w);
    else
        window_menu_open(w, PAGE_MAIN);
}

static void do_keys(struct window *w)
{
    window_menu_open(w, PAGE_KEYS);
}

static void do_media(struct window *w)
{
    window_menu_open(w, PAGE_MEDIA);
}

static void do_insert(struct window *w)
{
    window_menu_open(w, PAGE_FILE);
}

static void do_scaling(struct window *w)
{
    window_menu_open(w, PAGE_SCALING);
}

/* ---- Window ---- */

static void do_grab(struct window *w)
{
    window_set_grab(w, !w->grabbed);
}

static void do_fullscreen(struct window *w)
{
    window_set_fullscreen(w, !w->fullscreen);
}

static void do_next_scaling(struct window *w)
{
    static const char *const names[SCALE_MODES] = {
        "Scaling: the shape of the monitor.",
        "Scaling: whole pixels.",
        "Scaling: all of the window.",
    };

    w->mode = (enum scale_mode)((w->mode + 1) % SCALE_MODES);
    w->dirty = true;
    window_say(w, names[w->mode]);
}

/* By one step of half the picture's size. */
static void step_size(struct window *w, s32 step)
{
    struct scale_size natural = scale_natural(w->picture.width, w->picture.height, w->picture.text);
    s32 now_w = natural.w, now_h, halves;

    SDL_GetWindowSize(w->window, &now_w, &now_h);
    halves = (now_w * 2 + natural.w / 2) / natural.w + step;
    if (halves >= FEWEST_HALVES && halves <= MOST_HALVES)
        window_set_size(w, halves);
}

static void do_larger(struct window *w)
{
    step_size(w, 1);
}

static void do_smaller(struct window *w)
{
    step_size(w, -1);
}

static void do_own_size(struct window *w)
{
    window_set_size(w, 0);
}

const struct window_action window_actions[ACTIONS] = {
    [ACTION_MENU] = {"Menu", SDL_SCANCODE_M, "M", do_menu},
    [ACTION_KEYS] = {"Send keys", SDL_SCANCODE_K, "K", do_keys},
    [ACTION_MEDIA] = {"Disks and CDs", SDL_SCANCODE_E, "E", do_media},
    [ACTION_INSERT] = {"Insert file...", SDL_SCANCODE_I, "I", do_insert},
    [ACTION_CTRL_ALT_DEL] = {"Ctrl-Alt-Del", SDL_SCANCODE_D, "D", do_ctrl_alt_del},
    [ACTION_PAUSE] = {"Pause", SDL_SCANCODE_P, "P", do_pause},
    [ACTION_RESET] = {"Reset", SDL_SCANCODE_R, "R", do_reset},
    [ACTION_POWER] = {"Power button", SDL_SCANCODE_B, "B", do_power},
    [ACTION_SCREENSHOT] = {"Screenshot", SDL_SCANCODE_S, "S", do_screenshot},
    [ACTION_COPY] = {"Copy the text screen", SDL_SCANCODE_C, "C", do_copy},
    [ACTION_PASTE] = {"Paste as keys", SDL_SCANCODE_V, "V", do_paste},
    [ACTION_SLIDER] = {"Back in time", SDL_SCANCODE_T, "T", window_slider_toggle},
    [ACTION_PANES] = {"Debugger", SDL_SCANCODE_X, "X", window_panes_toggle},
    [ACTION_FORK] = {"Second window from here", SDL_SCANCODE_N, "N", do_fork},
    [ACTION_GRAB] = {"Mouse for the guest", SDL_SCANCODE_G, "G", do_grab},
    [ACTION_FULLSCREEN] = {"Full screen", SDL_SCANCODE_F, "F", do_fullscreen},
    [ACTION_SCALING] = {"Scaling", SDL_SCANCODE_L, "L", do_scaling},
    [ACTION_NEXT_SCALING] = {"Next way of scaling", SDL_SCANCODE_A, "A", do_next_scaling},
    [ACTION_LARGER] = {"Larger window", SDL_SCANCODE_EQUALS, "+", do_larger},
    [ACTION_SMALLER] = {"Smaller window", SDL_SCANCODE_MINUS, "-", do_smaller},
    [ACTION_OWN_SIZE] = {"As large as the guest likes", SDL_SCANCODE_0, "0", do_own_size},
    [ACTION_QUIT] = {"Quit", SDL_SCANCODE_Q, "Q", do_quit},
};

/* Some keys are there twice. */
static SDL_Scancode main_key(SDL_Scancode key)
{
    switch (key) {
    case SDL_SCANCODE_KP_PLUS: return SDL_SCANCODE_EQUALS;
    case SDL_SCANCODE_KP_MINUS: return SDL_SCANCODE_MINUS;
    case SDL_SCANCODE_KP_0: return SDL_SCANCODE_0;
    case SDL_SCANCODE_H:
    case SDL_SCANCODE_F1: return SDL_SCANCODE_M; /* the menu is the help */
    default: return key;
    }
}

void window_host_key(struct window *w, SDL_Scancode key)
{
    unsigned i;

    if (window_panes_is_open(w) && key != SDL_SCANCODE_F1 && window_panes_step_key(w, key))
        return;
    key = main_key(key);
    for (i = 0; i < ACTIONS; i++)
        if (window_actions[i].key == key) {
            window_actions[i].run(w);
            return;
        }
    window_say(w, "Right Ctrl+M opens the menu, which names all keys.");
}
#endif
