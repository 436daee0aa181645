/*
 * The window itself, with SDL's dummy video driver: events in, what the machine is told out. The
 * front end behind it is played by this file.
 */
#include <criterion/criterion.h>

#ifdef HAVE_SDL2
#include "frontend/window.h"

#include "devices/host/input.h"
#include "frontend/frontend.h"
#include "frontend/window_private.h"

#include <SDL.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct options options;
static struct frontend_view view;
static void *display_data;
static char heard[2000]; /* "1E -1E mouse 3 4 0 0; quit change fda "x"; " */
static bool finished;
static unsigned frames;
static void (*const *steps)(void); /* one each frame, NULL at the end */

static void hear(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void hear(const char *fmt, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* commands come from two threads */
    size_t at;
    va_list args;

    pthread_mutex_lock(&lock);
    at = strlen(heard);
    va_start(args, fmt);
    vsnprintf(heard + at, sizeof heard - at, fmt, args);
    va_end(args);
    pthread_mutex_unlock(&lock);
}

/* ---- What the window asks for ---- */

const struct machine_config *frontend_config(const struct frontend *f)
{
    static const struct machine_config config;

    return &config;
}

const struct options *frontend_options(const struct frontend *f)
{
    return &options;
}

void frontend_set_display_data(struct frontend *f, void *data)
{
    display_data = data;
}

void *frontend_display_data(const struct frontend *f)
{
    return display_data;
}

void frontend_set_sound(struct frontend *f, struct sound_sink *sound)
{
}

bool frontend_is_finished(struct frontend *f)
{
    return finished;
}

void frontend_quit(struct frontend *f, int exit_code)
{
    hear("quit %d; ", exit_code);
}

void frontend_request_frame(struct frontend *f)
{
    frames++;
    if (steps && *steps)
        (*steps++)();
    else
        finished = true;
}

const struct frontend_view *frontend_lock_view(struct frontend *f)
{
    return &view;
}

void frontend_unlock_view(struct frontend *f)
{
}

void frontend_key(struct frontend *f, u16 key, bool down)
{
    hear("%s%X ", down ? "" : "-", key);
}

void frontend_mouse(struct frontend *f, s32 dx, s32 dy, s32 dz, u8 buttons)
{
    hear("mouse %d %d %d %d; ", dx, dy, dz, buttons);
}

bool frontend_command(struct frontend *f, const char *line, struct text *out)
{
    hear("%s; ", line);
    return true;
}

void frontend_call(struct frontend *f, void (*fn)(struct machine *m, void *arg), void *arg)
{
    hear("call; ");
}

/* ---- What the user does ---- */

static void key(SDL_Scancode code, bool down)
{
    SDL_Event e = {.key = {.type = down ? SDL_KEYDOWN : SDL_KEYUP,
                           .state = down ? SDL_PRESSED : SDL_RELEASED,
                           .keysym = {.scancode = code}}};

    SDL_PushEvent(&e);
}

static void strike(SDL_Scancode code)
{
    key(code, true);
    key(code, false);
}

static void host(SDL_Scancode code)
{
    key(SDL_SCANCODE_RCTRL, true);
    strike(code);
    key(SDL_SCANCODE_RCTRL, false);
}

static void button(u8 which, bool down)
{
    SDL_Event e = {.button = {.type = down ? SDL_MOUSEBUTTONDOWN : SDL_MOUSEBUTTONUP,
                              .button = which,
                              .state = down}};

    SDL_PushEvent(&e);
}

static void motion(s32 dx, s32 dy)
{
    SDL_Event e = {.motion = {.type = SDL_MOUSEMOTION, .xrel = dx, .yrel = dy}};

    SDL_PushEvent(&e);
}

static void wheel(s32 y)
{
    SDL_Event e = {.wheel = {.type = SDL_MOUSEWHEEL, .y = y}};

    SDL_PushEvent(&e);
}

static void window_happens(u8 what)
{
    SDL_Event e = {.window = {.type = SDL_WINDOWEVENT, .event = what}};

    SDL_PushEvent(&e);
}

static void drop(const char *file)
{
    SDL_Event e = {.drop = {.type = SDL_DROPFILE, .file = SDL_strdup(file)}};

    SDL_PushEvent(&e);
}

static void nothing(void)
{
}

static void run(void (*const *what)(void))
{
    char err[200] = "";

    steps = what;
    cr_assert(window_display.start(NULL, err, sizeof err), "%s", err);
    window_display.run(NULL);
    window_display.stop(NULL);
}

static void setup(void)
{
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    setenv("SDL_AUDIODRIVER", "dummy", 1);
    display_frame_init(&view.frame);
    cr_assert(display_frame_resize(&view.frame, 640, 400));
    view.number = 1;
    heard[0] = 0;
}

static void teardown(void)
{
    display_frame_free(&view.frame);
}

TestSuite(window, .init = setup, .fini = teardown, .timeout = 60);

#define RUN(...) run((void (*const[])(void)){__VA_ARGS__, nothing, NULL})

static void type_a_and_delete(void)
{
    strike(SDL_SCANCODE_A);
    strike(SDL_SCANCODE_DELETE);
    strike(SDL_SCANCODE_PAUSE);
}

Test(window, keys_reach_the_guest)
{
    RUN(type_a_and_delete);
    cr_assert_str_eq(heard, "1E -1E 153 -153 200 ");
}

static void hold_a_key(void)
{
    SDL_Event e = {
        .key = {.type = SDL_KEYDOWN, .repeat = 1, .keysym = {.scancode = SDL_SCANCODE_A}}};

    key(SDL_SCANCODE_A, true);
    SDL_PushEvent(&e);
    SDL_PushEvent(&e);
    key(SDL_SCANCODE_A, false);
}

Test(window, repeats_are_the_guests_keyboards_business)
{
    RUN(hold_a_key);
    cr_assert_str_eq(heard, "1E -1E ");
}

static void lose_focus_with_keys_down(void)
{
    key(SDL_SCANCODE_LALT, true);
    key(SDL_SCANCODE_TAB, true);
    window_happens(SDL_WINDOWEVENT_FOCUS_LOST);
    key(SDL_SCANCODE_TAB, false);
}

Test(window, losing_the_keyboard_releases_all_keys)
{
    RUN(lose_focus_with_keys_down);
    cr_assert_str_eq(heard, "38 F -F -38 ");
}

static void host_q(void)
{
    host(SDL_SCANCODE_Q);
}

Test(window, the_host_key_is_not_for_the_guest)
{
    RUN(host_q);
    cr_assert_str_eq(heard, "quit 0; ");
}

static void host_commands(void)
{
    host(SDL_SCANCODE_R);
    host(SDL_SCANCODE_P);
    host(SDL_SCANCODE_D);
    host(SDL_SCANCODE_B);
    host(SDL_SCANCODE_F);
    host(SDL_SCANCODE_A);
    host(SDL_SCANCODE_C);
    host(SDL_SCANCODE_EQUALS);
    host(SDL_SCANCODE_0);
}

Test(window, host_key_combinations_are_commands)
{
    RUN(host_commands, nothing, nothing);
    cr_assert_str_eq(heard, "reset; stop; sendkey ctrl-alt-delete; powerdown; ");
}

static void click(void)
{
    button(SDL_BUTTON_LEFT, true);
    button(SDL_BUTTON_LEFT, false);
}

static void move_and_press(void)
{
    motion(3, -4);
    motion(2, 1);
    wheel(1);
    button(SDL_BUTTON_RIGHT, true);
    motion(1, 1);
    button(SDL_BUTTON_RIGHT, false);
}

Test(window, the_mouse_is_ours_until_a_click)
{
    RUN(move_and_press);
    cr_assert_str_eq(heard, "");
}

Test(window, a_click_takes_the_mouse_and_is_not_for_the_guest)
{
    RUN(click, move_and_press);
    cr_assert_str_eq(heard, "mouse 5 -3 -1 0; mouse 0 0 0 2; mouse 1 1 0 2; mouse 0 0 0 0; ");
}

static void tap_host_key(void)
{
    strike(SDL_SCANCODE_RCTRL);
}

Test(window, the_host_key_alone_lets_the_mouse_go)
{
    RUN(click, tap_host_key, move_and_press);
    cr_assert_str_eq(heard, "");
}

static void press_and_lose(void)
{
    button(SDL_BUTTON_LEFT, true);
    window_happens(SDL_WINDOWEVENT_FOCUS_LOST);
    motion(9, 9);
}

Test(window, losing_focus_lets_the_mouse_go_with_its_buttons)
{
    RUN(click, press_and_lose);
    cr_assert_str_eq(heard, "mouse 0 0 0 1; mouse 0 0 0 0; ");
}

static void put_cd_out(void)
{
    view.news = "The guest has put its CD out.";
    view.news_number = 1;
}

static void look_at_message(void)
{
    const struct window *w = display_data;

    hear("%s", w->overlay.message);
}

Test(window, what_the_guest_did_is_said)
{
    RUN(put_cd_out, nothing, look_at_message);
    cr_assert_str_eq(heard, "The guest has put its CD out.");
}

static void close_window(void)
{
    SDL_Event e = {.type = SDL_QUIT};

    SDL_PushEvent(&e);
}

Test(window, closing_it_ends_the_program_in_order)
{
    RUN(close_window);
    cr_assert_str_eq(heard, "quit 0; ");
}

/* ---- Files ---- */

static char file[] = "/tmp/bygone-drop-XXXXXX";

static void make_file(size_t size, size_t at, const char *mark)
{
    int fd = mkstemp(file);

    cr_assert_geq(fd, 0);
    cr_assert(!ftruncate(fd, (off_t)size));
    cr_assert_eq(pwrite(fd, mark, strlen(mark), (off_t)at), (ssize_t)strlen(mark));
    close(fd);
}

static void drop_file(void)
{
    drop(file);
}

Test(window, a_dropped_floppy_goes_into_the_first_drive)
{
    char expected[100];

    make_file(1474560, 510, "\x55\xAA");
    RUN(drop_file);
    unlink(file);
    snprintf(expected, sizeof expected, "change fda \"%s\"; ", file);
    cr_assert_str_eq(heard, expected);
}

Test(window, a_dropped_iso_goes_into_the_cd_drive)
{
    char expected[100];

    make_file(1 << 20, 16 * 2048 + 1, "CD001");
    RUN(drop_file);
    unlink(file);
    snprintf(expected, sizeof expected, "change cdrom \"%s\"; ", file);
    cr_assert_str_eq(heard, expected);
}

Test(window, a_dropped_text_goes_nowhere)
{
    make_file(100, 0, "hello");
    RUN(drop_file);
    unlink(file);
    cr_assert_str_eq(heard, "");
}

/* ---- Menu ---- */

static void menu(void)
{
    host(SDL_SCANCODE_M);
}

static void enter(void)
{
    strike(SDL_SCANCODE_RETURN);
}

Test(window, the_first_row_of_the_menu_is_ctrl_alt_del)
{
    RUN(menu, enter);
    cr_assert_str_eq(heard, "sendkey ctrl-alt-delete; ");
}

static void escape(void)
{
    strike(SDL_SCANCODE_ESCAPE);
}

Test(window, keys_are_for_the_menu_while_it_is_open)
{
    RUN(menu, type_a_and_delete, escape, type_a_and_delete);
    cr_assert_str_eq(heard, "1E -1E 153 -153 200 ");
}

static void keys_page(void)
{
    strike(SDL_SCANCODE_DOWN);
    strike(SDL_SCANCODE_RIGHT);
    strike(SDL_SCANCODE_UP); /* around the end: Ctrl-Alt-F3 */
}

Test(window, combinations_are_sent_from_their_page)
{
    RUN(menu, keys_page, enter);
    cr_assert_str_eq(heard, "sendkey ctrl-alt-f3; ");
}

static void insert_page(void)
{
    SDL_Event e = {.text = {.type = SDL_TEXTINPUT}};

    host(SDL_SCANCODE_I);
    snprintf(e.text.text, sizeof e.text.text, "%s", file);
    SDL_PushEvent(&e);
    strike(SDL_SCANCODE_TAB);
}

Test(window, a_file_name_can_be_typed)
{
    char expected[100];

    make_file(737280, 510, "\x55\xAA");
    RUN(insert_page, enter);
    unlink(file);
    snprintf(expected, sizeof expected, "change fda \"%s\"; ", file);
    cr_assert_str_eq(heard, expected);
}

static void hold_and_open_menu(void)
{
    key(SDL_SCANCODE_LSHIFT, true);
    button(SDL_BUTTON_LEFT, true);
    host(SDL_SCANCODE_M);
}

Test(window, opening_the_menu_releases_what_is_held)
{
    RUN(click, hold_and_open_menu);
    cr_assert_str_eq(heard, "2A mouse 0 0 0 1; -2A mouse 0 0 0 0; ");
}

/* ---- Back in time ---- */

static void keep_the_past(void)
{
    view.moment = (struct frontend_moment){
        .kept = true, .now_ns = 50000000000, .oldest_ns = 10000000000, .newest_ns = 50000000000};
}

static void slider(void)
{
    host(SDL_SCANCODE_T);
}

/* The other thread is given time: an answer needs some frames. */
#define A_WHILE nothing, nothing, nothing, nothing, nothing, nothing

static void left(void)
{
    strike(SDL_SCANCODE_LEFT);
}

static void home_key(void)
{
    strike(SDL_SCANCODE_HOME);
}

static void be_in_the_past(void)
{
    view.moment.past = true;
    view.moment.now_ns = 10000000000;
}

static void be_in_the_present(void)
{
    keep_the_past();
}

Test(window, the_slider_goes_back_and_escape_to_the_present)
{
    RUN(keep_the_past, nothing, slider, A_WHILE, left, A_WHILE, home_key, A_WHILE, be_in_the_past,
        A_WHILE, escape, A_WHILE, be_in_the_present, type_a_and_delete);
    cr_assert_str_eq(heard, "stop; rewind to 49.000000000; rewind to 10.000000000; "
                            "rewind present; cont; 1E -1E 153 -153 200 ");
}

Test(window, enter_goes_on_where_the_slider_is)
{
    RUN(keep_the_past, nothing, slider, A_WHILE, left, A_WHILE, be_in_the_past, A_WHILE, enter,
        A_WHILE);
    cr_assert_str_eq(heard, "stop; rewind to 49.000000000; rewind branch; cont; ");
}

static void pause_it(void)
{
    view.status.paused = true;
}

Test(window, a_machine_that_stood_still_does_so_after_the_slider)
{
    RUN(keep_the_past, pause_it, nothing, slider, A_WHILE, left, A_WHILE, be_in_the_past, A_WHILE,
        slider, A_WHILE);
    cr_assert_str_eq(heard, "rewind to 49.000000000; rewind present; ");
    view.status.paused = false;
}

static void press_at(u8 what, s32 part_percent)
{
    const struct window *w = display_data;
    s32 times;
    struct scale_size size = window_canvas_size(w, &times);
    struct slider_layout l = slider_lay_out(size.w, size.h);
    SDL_Event e = {0};

    e.type = what == MOUSE_MOVE   ? SDL_MOUSEMOTION
             : what == MOUSE_DOWN ? SDL_MOUSEBUTTONDOWN
                                  : SDL_MOUSEBUTTONUP;
    e.motion.x = e.button.x = l.scale.x + (l.scale.w - 1) * part_percent / 100;
    e.motion.y = e.button.y = l.scale.y + 3;
    if (what != MOUSE_MOVE) {
        e.button.button = SDL_BUTTON_LEFT;
        e.button.x = l.scale.x + (l.scale.w - 1) * part_percent / 100;
        e.button.y = l.scale.y + 3;
    }
    SDL_PushEvent(&e);
}

static void press_half(void)
{
    press_at(MOUSE_DOWN, 50);
}

static void drag_to_the_left_end(void)
{
    press_at(MOUSE_MOVE, -10);
}

static void let_go_and_move(void)
{
    press_at(MOUSE_UP, 0);
    press_at(MOUSE_MOVE, 80);
}

Test(window, the_slider_is_dragged)
{
    RUN(keep_the_past, nothing, slider, A_WHILE, press_half, A_WHILE, drag_to_the_left_end, A_WHILE,
        let_go_and_move, A_WHILE);
    cr_assert_eq(strncmp(heard, "stop; rewind to 29.9", 20), 0, "%s", heard);
    cr_assert(strstr(heard, "rewind to 10.000000000; ") && !strstr(heard, "rewind to 4"), "%s",
              heard);
}

Test(window, without_a_past_there_is_no_slider)
{
    RUN(slider, A_WHILE, type_a_and_delete);
    cr_assert_str_eq(heard, "1E -1E 153 -153 200 ");
}

/* ---- The debugger ---- */

static void change_size(void);
static void smallest_frame(void);

static void debugger(void)
{
    host(SDL_SCANCODE_X);
}

static void type_text(const char *text)
{
    SDL_Event e = {.text = {.type = SDL_TEXTINPUT}};

    snprintf(e.text.text, sizeof e.text.text, "%s", text);
    SDL_PushEvent(&e);
}

static void type_a_command(void)
{
    type_text("info pic");
    strike(SDL_SCANCODE_RETURN);
}

static void step_keys(void)
{
    strike(SDL_SCANCODE_F11);
    strike(SDL_SCANCODE_F10);
    strike(SDL_SCANCODE_F5);
}

/* What was asked, without the looks at the machine, whose number depends on the host. */
static const char *asked(void)
{
    static char text[sizeof heard];
    char *call;

    snprintf(text, sizeof text, "%s", heard);
    while ((call = strstr(text, "call; ")))
        memmove(call, call + 6, strlen(call + 6) + 1);
    return text;
}

Test(window, a_line_in_the_debugger_is_a_command)
{
    RUN(debugger, A_WHILE, type_a_command, A_WHILE);
    cr_assert_str_eq(asked(), "info pic; ");
    cr_assert(strstr(heard, "call; "), "nothing was shown");
}

Test(window, the_debuggers_keys_step)
{
    RUN(debugger, A_WHILE, step_keys, A_WHILE);
    cr_assert_str_eq(asked(), "step; next; stop; ");
}

Test(window, a_click_into_the_picture_gives_the_keyboard_to_the_guest)
{
    RUN(debugger, A_WHILE, type_a_and_delete, click, type_a_and_delete, A_WHILE, tap_host_key,
        type_a_and_delete, A_WHILE);
    cr_assert_str_eq(asked(), "1E -1E 153 -153 200 ");
}

static void host_step(void)
{
    host(SDL_SCANCODE_F11);
}

Test(window, with_the_host_key_the_debugger_steps_while_the_guest_has_the_keyboard)
{
    RUN(debugger, A_WHILE, click, host_step, A_WHILE);
    cr_assert_str_eq(asked(), "step; ");
}

static void click_a_button(void)
{
    const struct window *w = display_data;
    struct scale_size size = window_panes_size(w);
    struct pane_layout l = pane_lay_out(size.w, size.h);
    SDL_Event e = {.button = {.type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_LEFT}};

    e.button.x = l.button[PANE_STEP_BACK].x + 2;
    e.button.y = l.button[PANE_STEP_BACK].y + 2;
    SDL_PushEvent(&e);
}

Test(window, the_debuggers_buttons_are_clicked)
{
    RUN(debugger, A_WHILE, click_a_button, A_WHILE);
    cr_assert_str_eq(asked(), "step-back; ");
}

static void forget_heard(void)
{
    heard[0] = 0;
}

Test(window, a_closed_debugger_asks_for_nothing)
{
    RUN(debugger, A_WHILE, debugger, A_WHILE, forget_heard, A_WHILE, type_a_and_delete, A_WHILE);
    cr_assert_str_eq(heard, "1E -1E 153 -153 200 ");
}

Test(window, the_guests_picture_is_never_covered)
{
    RUN(keep_the_past, nothing, debugger, A_WHILE, slider, A_WHILE, change_size, A_WHILE,
        smallest_frame, A_WHILE);
    cr_assert_str_eq(asked(), "stop; ");
}

/* ---- Clipboard and pictures ---- */

static void paste(void)
{
    SDL_SetClipboardText("Hi\n");
    host(SDL_SCANCODE_V);
}

Test(window, the_clipboard_is_typed)
{
    static void (*what[40])(void);
    unsigned i;

    what[0] = paste;
    for (i = 1; i < ARRAY_LEN(what) - 1; i++)
        what[i] = nothing;
    run(what);
    cr_assert_str_eq(heard, "2A 23 -23 -2A 17 -17 1C -1C ");
}

static char copied[100];

static void copy(void)
{
    display_frame_set_text(&view.frame, 4, 2);
    memcpy(view.frame.cells, "h\7i\7 \7 \7o\7k\7 \7 \7", 16);
    view.frame.text = true;
    host(SDL_SCANCODE_C);
}

static void read_clipboard(void)
{
    char *text = SDL_GetClipboardText();

    snprintf(copied, sizeof copied, "%s", text);
    SDL_free(text);
}

Test(window, a_text_screen_can_be_copied)
{
    RUN(copy, nothing, read_clipboard);
    cr_assert_str_eq(copied, "hi\nok\n");
}

static void change_size(void)
{
    cr_assert(display_frame_resize(&view.frame, 1024, 768));
    view.number++;
}

static void all_scalings(void)
{
    host(SDL_SCANCODE_A);
    view.number++;
}

static void smallest_frame(void)
{
    cr_assert(display_frame_resize(&view.frame, 1, 1));
    view.number++;
}

Test(window, pictures_of_every_size_in_every_scaling)
{
    RUN(change_size, all_scalings, all_scalings, all_scalings, smallest_frame, all_scalings,
        all_scalings, menu);
    cr_assert_str_eq(heard, "");
}

static void machine_is_done(void)
{
    finished = true;
    window_display.notify(NULL);
}

Test(window, it_ends_with_the_machine)
{
    RUN(machine_is_done, nothing, nothing, nothing);
    cr_assert_leq(frames, 2);
}
#endif
