/*
 * The terminal, or whatever standard input and output are. Their file descriptions are shared with
 * the shell that started us, so O_NONBLOCK is never set on them: output goes through a description
 * of our own where the kernel gives us one, and input is read only after poll(2) has seen some.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "devices/host/chr_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

struct stdio {
    struct chr chr;
    int out;
    bool out_is_own; /* not the shell's: to be closed */
    bool in_is_tty, at_end;
    bool is_raw;
    struct termios old;
    struct chr_queue queue;
};

/* A background job that touches its terminal is stopped by the kernel. */
static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Keys one by one, unechoed, Enter as CR. ISIG stays: Ctrl-C must stop a machine that hangs. */
static void make_raw(struct stdio *s)
{
    struct termios t;

    if (tcgetattr(STDIN_FILENO, &s->old))
        return;
    t = s->old;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
    t.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | ISTRIP);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    s->is_raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void stdio_write(struct chr *c, const void *data, size_t len)
{
    struct stdio *s = (struct stdio *)c;

    chr_queue_write(&s->queue, s->out, data, len, &c->dropped);
}

static size_t stdio_poll(struct chr *c, void *data, size_t size)
{
    struct stdio *s = (struct stdio *)c;
    ssize_t n;

    chr_queue_pump(&s->queue, s->out, &c->dropped);
    if (s->at_end || (s->in_is_tty && !in_foreground()))
        return 0;
    if (s->in_is_tty && !s->is_raw)
        make_raw(s);
    n = chr_read_waiting(STDIN_FILENO, data, size);
    if (n < 0)
        s->at_end = true;
    return n > 0 ? (size_t)n : 0;
}

static int stdio_watch(struct chr *c, short *events)
{
    struct stdio *s = (struct stdio *)c;

    if (s->queue.len || (s->in_is_tty && !in_foreground()))
        return CHR_WATCH_OFTEN;
    *events = POLLIN;
    return s->at_end ? CHR_WATCH_NOTHING : STDIN_FILENO;
}

static void stdio_close(struct chr *c)
{
    struct stdio *s = (struct stdio *)c;

    chr_queue_close(&s->queue, s->out);
    if (s->is_raw && in_foreground())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &s->old);
    if (s->out_is_own)
        close(s->out);
    free(s);
}

static const struct chr_ops stdio_ops = {
    .write = stdio_write,
    .poll = stdio_poll,
    .watch = stdio_watch,
    .close = stdio_close,
};

/* A plain file never blocks, and its position must stay the shell's: it is used as it is. */
static void open_output(struct stdio *s)
{
    struct stat st;
    bool plain = !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
    int fd = -1;

    if (!plain)
        fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    s->out_is_own = fd >= 0;
    s->queue.may_block = !plain && !s->out_is_own;
    s->out = s->out_is_own ? fd : STDOUT_FILENO;
}

struct chr *chr_stdio_open(char *err, size_t err_size)
{
    struct stdio *s = calloc(1, sizeof *s);

    if (!s) {
        snprintf(err, err_size, "chr: the host has no memory left; close programs");
        return NULL;
    }
    s->chr.ops = &stdio_ops;
    s->in_is_tty = isatty(STDIN_FILENO);
    open_output(s);
    if (s->in_is_tty && in_foreground())
        make_raw(s);
    return &s->chr;
}
