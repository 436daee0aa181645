/*
 * Text screens in the shell. Keys go to the guest, but for Ctrl-], after which one key commands us.
 *
 * ncurses draws; what is typed we read and decode ourselves, as ncurses would swallow what it does
 * not know.
 */
#ifdef HAVE_NCURSES
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/terminal.h"

#include "base/bell.h"
#include "frontend/commands.h"
#include "frontend/frontend.h"
#include "frontend/insert.h"
#include "frontend/path_input.h"
#include "frontend/picture.h"
#include "frontend/terminal_keys.h"
#include "frontend/terminal_rescue.h"
#include "frontend/terminal_screen.h"
#include "frontend/typist.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MS = 33,
    REST_MS = 100, /* between frames when nothing has changed for a while */
    REST_AFTER_MS = 2000,
    MESSAGE_MS = 5000,
    ESC = 0x1B,
    DEL = 0x7F,
};

/* Where typed bytes go: to the guest, or to us. */
enum mode { MODE_GUEST, MODE_COMMAND, MODE_FILE };

struct terminal {
    struct frontend *f;
    int bell;
    enum mode mode;
    struct terminal_keys keys;
    struct typist typist;
    struct path_input file;
    u32 typed_ms; /* when the last byte came */
    u32 frame_ms; /* when to ask for the next frame */

    u64 number;     /* of the frame drawn */
    u32 changed_ms; /* when there was another one */
    bool dirty;     /* something besides the guest's screen changed */
    bool at_end;    /* the terminal has gone */
    char message[300], line[sizeof(struct path_input) + 100];
    u32 message_ms; /* when it came */
};

static u32 now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u32)((u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000);
}

static void say(struct terminal *t, const char *message)
{
    snprintf(t->message, sizeof t->message, "%s", message);
    t->message_ms = now_ms();
    t->dirty = true;
}

/* ---- Commands ---- */

/* Run a command of the common set and show its answer's last line, or `done`. */
static void command(struct terminal *t, const char *line, const char *done)
{
    struct text out = {0};
    bool good = frontend_command(t->f, line, &out);

    while (out.len && out.data[out.len - 1] == '\n')
        out.data[--out.len] = 0;
    say(t, good || !out.data ? done : out.data);
    text_free(&out);
}

static bool is_paused(struct terminal *t)
{
    bool paused = frontend_lock_view(t->f)->status.paused;

    frontend_unlock_view(t->f);
    return paused;
}

static void do_quit(struct terminal *t)
{
    frontend_quit(t->f, 0);
}

static void do_reset(struct terminal *t)
{
    command(t, "reset", "reset");
}

static void do_pause(struct terminal *t)
{
    if (is_paused(t))
        command(t, "cont", "goes on");
    else
        command(t, "stop", "paused; Ctrl-] p lets it go on");
}

static void do_ctrl_alt_del(struct terminal *t)
{
    command(t, "sendkey ctrl-alt-delete", "Ctrl-Alt-Del");
}

static void do_power(struct terminal *t)
{
    command(t, "powerdown", "power button");
}

static void do_insert(struct terminal *t)
{
    path_input_clear(&t->file);
    t->mode = MODE_FILE;
}

static void do_screenshot(struct terminal *t)
{
    char file[64], line[100], done[100];

    picture_name(file, sizeof file);
    snprintf(line, sizeof line, "screendump %s", file);
    snprintf(done, sizeof done, "saved as %s", file);
    command(t, line, done);
}

static void do_host_key(struct terminal *t)
{
    typist_add(&t->typist, (struct typist_stroke){0x1B, TYPIST_CTRL}); /* "]" */
}

static const struct {
    u8 key;
    const char *what; /* for the prompt */
    void (*run)(struct terminal *t);
} commands_by_key[] = {
    {'q', "quit", do_quit},       {'r', "reset", do_reset},
    {'p', "pause", do_pause},     {'d', "Ctrl-Alt-Del", do_ctrl_alt_del},
    {'b', "power", do_power},     {'i', "insert", do_insert},
    {'s', "shot", do_screenshot}, {']', "Ctrl-]", do_host_key},
};

static void command_byte(struct terminal *t, u8 byte)
{
    unsigned i;

    t->mode = MODE_GUEST;
    byte = byte == TERMINAL_HOST_KEY ? ']' : byte;
    for (i = 0; i < ARRAY_LEN(commands_by_key); i++)
        if (commands_by_key[i].key == (byte | (byte >= 'A' && byte <= 'Z' ? 0x20 : 0)))
            commands_by_key[i].run(t);
}

static void insert(struct terminal *t)
{
    struct text out = {0};

    insert_file(t->f, t->file.text, &out);
    if (out.data)
        say(t, out.data);
    text_free(&out);
}

static void file_byte(struct terminal *t, u8 byte)
{
    const char text[2] = {(char)byte, 0};

    switch (byte) {
    case ESC:
    case 3: /* Ctrl-C */
    case TERMINAL_HOST_KEY: t->mode = MODE_GUEST; break;
    case '\r':
    case '\n':
        t->mode = MODE_GUEST;
        if (t->file.len)
            insert(t);
        break;
    case '\b':
    case DEL: path_input_erase(&t->file); break;
    case '\t': path_input_complete(&t->file); break;
    default: path_input_add(&t->file, text); break;
    }
}

/* ---- Keys ---- */

static void press(void *opaque, u16 key, bool down)
{
    struct terminal *t = opaque;

    frontend_key(t->f, key, down);
}

static void stroke(void *opaque, struct typist_stroke s)
{
    struct terminal *t = opaque;

    typist_add(&t->typist, s);
}

static void host_key(void *opaque)
{
    struct terminal *t = opaque;

    t->mode = MODE_COMMAND;
}

static void read_keys(struct terminal *t)
{
    u8 bytes[256];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes), i;

    if (n <= 0) {
        t->at_end = true;
        return;
    }
    t->typed_ms = now_ms();
    for (i = 0; i < n; i++) {
        if (t->mode != MODE_GUEST)
            t->dirty = true;
        switch (t->mode) {
        case MODE_GUEST: terminal_keys_feed(&t->keys, bytes[i]); break;
        case MODE_COMMAND: command_byte(t, bytes[i]); break;
        case MODE_FILE: file_byte(t, bytes[i]); break;
        }
        if (t->mode != MODE_GUEST)
            t->dirty = true;
    }
}

/* ---- The screen ---- */

static void compose_prompt(struct terminal *t)
{
    size_t at = 0;
    unsigned i;

    for (i = 0; i < ARRAY_LEN(commands_by_key) && at < sizeof t->line; i++)
        at += (size_t)snprintf(t->line + at, sizeof t->line - at, "%s%c %s", i ? "  " : "",
                               commands_by_key[i].key, commands_by_key[i].what);
}

/* The line at the bottom; true if it is worth covering the guest's screen. */
static bool compose_line(struct terminal *t, const struct machine_status *status)
{
    switch (t->mode) {
    case MODE_COMMAND: compose_prompt(t); return true;
    case MODE_FILE:
        snprintf(t->line, sizeof t->line, "insert file (Tab completes): %s_", t->file.text);
        return true;
    case MODE_GUEST: break;
    }
    if (t->message[0]) {
        snprintf(t->line, sizeof t->line, "%s", t->message);
        return true;
    }
    if (status->paused)
        snprintf(t->line, sizeof t->line, "paused   Ctrl-] p lets it go on");
    else
        snprintf(t->line, sizeof t->line, "%3.0f %%   Ctrl-] commands", status->speed * 100);
    return status->paused;
}

static void draw(struct terminal *t)
{
    char message[sizeof t->message], was[sizeof t->line];
    const struct frontend_view *view;
    bool important;

    if (terminal_rescue_message(message, sizeof message))
        say(t, message);
    if (t->message[0] && now_ms() - t->message_ms > MESSAGE_MS) {
        t->message[0] = 0;
        t->dirty = true;
    }
    if (terminal_screen_follow_size())
        t->dirty = true;
    strcpy(was, t->line);
    view = frontend_lock_view(t->f);
    important = compose_line(t, &view->status);
    if (view->number != t->number) {
        t->number = view->number;
        t->changed_ms = now_ms();
        t->dirty = true;
    }
    if (t->dirty || strcmp(was, t->line))
        terminal_screen_draw(&view->frame, t->line, important);
    frontend_unlock_view(t->f);
    t->dirty = false;
}

/* ---- Life ---- */

static bool terminal_usable(const struct options *o)
{
    unsigned i;

    for (i = 0; i < o->serial_count; i++)
        if (!strcmp(o->serial[i], "stdio"))
            return false;
    if (o->monitor && !strcmp(o->monitor, "stdio"))
        return false;
    /* A job in the background would be stopped when it touches the terminal. */
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && getenv("TERM") &&
           tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static bool terminal_start(struct frontend *f, char *err, size_t err_size)
{
    struct terminal *t;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(err, err_size,
                 "terminal: standard input and output are none; --display none "
                 "works without");
        return false;
    }
    t = calloc(1, sizeof *t);
    if (!t) {
        snprintf(err, err_size, "terminal: out of memory");
        return false;
    }
    t->f = f;
    t->bell = bell_open();
    terminal_keys_init(&t->keys, stroke, host_key, t);
    typist_init(&t->typist, press, t);
    terminal_rescue_begin();
    if (!terminal_screen_open(err, err_size)) {
        terminal_rescue_end();
        bell_close(t->bell);
        free(t);
        return false;
    }
    say(t, "Ctrl-] q quits, Ctrl-] shows what else there is");
    frontend_set_display_data(f, t);
    return true;
}

/* Until a key, a frame, or the time for the next thing to do. */
static void wait_input(struct terminal *t)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = t->bell, .events = POLLIN}};
    s32 typing = typist_tick(&t->typist, now_ms());
    s32 timeout = (s32)(t->frame_ms - now_ms());

    timeout = timeout < 0 ? 0 : timeout;
    if (typing >= 0 && typing < timeout)
        timeout = typing;
    if (terminal_keys_pending(&t->keys))
        timeout = (s32)min_u64((u64)timeout, TERMINAL_ESC_MS / 2);
    if (poll(fds, ARRAY_LEN(fds), timeout) <= 0)
        return;
    if (fds[1].revents)
        bell_heard(t->bell);
    if (fds[0].revents) {
        read_keys(t);
        t->changed_ms = now_ms(); /* an answer is to be expected */
        if ((s32)(t->frame_ms - t->changed_ms) > FRAME_MS)
            t->frame_ms = t->changed_ms + FRAME_MS;
    }
}

static void ask_for_frame(struct terminal *t)
{
    u32 now = now_ms();

    if ((s32)(t->frame_ms - now) > 0)
        return;
    t->frame_ms = now + (now - t->changed_ms > REST_AFTER_MS ? REST_MS : FRAME_MS);
    frontend_request_frame(t->f);
}

static void terminal_run(struct frontend *f)
{
    struct terminal *t = frontend_display_data(f);

    t->frame_ms = t->changed_ms = now_ms();
    while (!frontend_is_finished(f)) {
        ask_for_frame(t);
        wait_input(t);
        if (terminal_keys_pending(&t->keys) && now_ms() - t->typed_ms >= TERMINAL_ESC_MS)
            terminal_keys_timeout(&t->keys);
        draw(t);
        if (t->at_end) {
            frontend_quit(f, 0);
            break;
        }
    }
}

static void terminal_notify(struct frontend *f)
{
    struct terminal *t = frontend_display_data(f);

    bell_ring(t->bell);
}

static void terminal_stop(struct frontend *f)
{
    struct terminal *t = frontend_display_data(f);

    terminal_screen_close();
    terminal_rescue_end();
    typist_free(&t->typist);
    bell_close(t->bell);
    free(t);
}

const struct frontend_display terminal_display = {
    .name = "terminal",
    .usable = terminal_usable,
    .start = terminal_start,
    .run = terminal_run,
    .notify = terminal_notify,
    .stop = terminal_stop,
};
#endif
