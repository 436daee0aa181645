/*
 * Gives the user's terminal back whatever happens.
 *
 * A signal handler finds its data in a static struct: as the terminal itself, it belongs to the
 * process. The handler calls only what signal-safety(7) allows.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/terminal_rescue.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static struct {
    volatile sig_atomic_t armed;
    struct termios modes;
    int kept_fd, stderr_fd; /* what stderr is now, what it was; -1: it was left alone */
    off_t seen;
    struct sigaction before[ARRAY_LEN(fatal_signals)];
    bool installed[ARRAY_LEN(fatal_signals)]; /* and `before` is what it took the place of */
    bool registered;
} rescue = {.kept_fd = -1, .stderr_fd = -1};

/* Leave the alternate screen; plain, visible cursor, cursor keys and keypad as ever. */
static const char normal[] = "\033[?1049l\033[0m\033[?25h\033[?1l\033>\r\n";

/* Calls that fail here cannot be helped. */
static void print_kept(void)
{
    off_t at = 0;
    char buffer[512];
    ssize_t n, done;

    while ((n = pread(rescue.kept_fd, buffer, sizeof buffer, at)) > 0) {
        done = write(rescue.stderr_fd, buffer, (size_t)n);
        if (done <= 0)
            return;
        at += done;
    }
}

static void give_back(void)
{
    if (!rescue.armed)
        return;
    rescue.armed = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
    if (write(STDOUT_FILENO, normal, sizeof normal - 1) < 0)
        return;
    if (rescue.kept_fd >= 0)
        print_kept();
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
    unsigned i;

    give_back();
    for (i = 0; i < ARRAY_LEN(fatal_signals); i++)
        if (fatal_signals[i] == signal)
            sigaction(signal, &rescue.before[i], NULL);
    /* A fault happens again on return; what was sent must be sent again. */
    if (info->si_code <= 0)
        raise(signal);
}

static void keep_stderr(void)
{
    rescue.kept_fd = rescue.stderr_fd = -1;
    rescue.seen = 0;
    if (!isatty(STDERR_FILENO))
        return;
    rescue.kept_fd = memfd_create("stderr", MFD_CLOEXEC);
    rescue.stderr_fd = dup(STDERR_FILENO);
    if (rescue.kept_fd >= 0 && rescue.stderr_fd >= 0) {
        fflush(stderr);
        dup2(rescue.kept_fd, STDERR_FILENO);
        return;
    }
    if (rescue.kept_fd >= 0)
        close(rescue.kept_fd);
    if (rescue.stderr_fd >= 0)
        close(rescue.stderr_fd);
    rescue.kept_fd = rescue.stderr_fd = -1;
}

void terminal_rescue_begin(void)
{
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO};
    unsigned i;

    if (tcgetattr(STDIN_FILENO, &rescue.modes))
        return;
    keep_stderr();
    rescue.armed = 1;
    for (i = 0; i < ARRAY_LEN(fatal_signals); i++)
        if (!rescue.installed[i])
            rescue.installed[i] = !sigaction(fatal_signals[i], &action, &rescue.before[i]);
    if (!rescue.registered) /* for the impatient user's second Ctrl-C */
        rescue.registered = !at_quick_exit(give_back);
}

bool terminal_rescue_message(char *line, size_t size)
{
    char text[512];
    off_t end;
    ssize_t n;
    char *from, *to;

    if (rescue.kept_fd < 0)
        return false;
    end = lseek(rescue.kept_fd, 0, SEEK_END);
    if (end <= rescue.seen)
        return false;
    rescue.seen = end;
    n = pread(rescue.kept_fd, text, sizeof text - 1,
              end > (off_t)sizeof text ? end - (off_t)sizeof text + 1 : 0);
    if (n <= 0)
        return false;
    text[n] = 0;
    to = text + n;
    while (to > text && to[-1] == '\n')
        *--to = 0;
    from = strrchr(text, '\n');
    snprintf(line, size, "%s", from ? from + 1 : text);
    return true;
}

/*
 * Take the handlers back; but not one that somebody put itself in front of, as translated code does
 * for SIGSEGV, and which passes on to ours what is not its own.
 */
static void remove_handlers(void)
{
    struct sigaction now;
    unsigned i;

    for (i = 0; i < ARRAY_LEN(fatal_signals); i++) {
        if (sigaction(fatal_signals[i], NULL, &now) || !(now.sa_flags & SA_SIGINFO) ||
            now.sa_sigaction != on_fatal)
            continue;
        sigaction(fatal_signals[i], &rescue.before[i], NULL);
        rescue.installed[i] = false;
    }
}

void terminal_rescue_end(void)
{
    if (!rescue.armed)
        return;
    rescue.armed = 0;
    remove_handlers();
    if (rescue.kept_fd < 0)
        return;
    fflush(stderr);
    dup2(rescue.stderr_fd, STDERR_FILENO);
    print_kept();
    close(rescue.kept_fd);
    close(rescue.stderr_fd);
    rescue.kept_fd = rescue.stderr_fd = -1;
}
