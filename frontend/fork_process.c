/* Starting the process in which a forked machine goes on; see fork_process.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/fork_process.h"

#include "frontend/commands.h"
#include "frontend/forked.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 60000,
    FIRST_FREE = 16, /* our ends of what it gets lie above the places that they get there */
    SAID_MAX = 4096,
};

extern char **environ;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Above the places that are given away below. */
static bool lift(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE);

    close_fd(fd);
    *fd = high;
    return high >= 0;
}

/*
 * Where its messages go later. A pipe or socket is read by somebody who waits for our end, not for
 * that of a process he does not know of.
 */
static int open_messages(void)
{
    struct stat st;
    bool lasting = !fstat(STDERR_FILENO, &st) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode);

    return lasting ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST_FREE)
                   : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int spawn(int socket, int errors, int messages, char *const *options)
{
    char *argv[COMMAND_WORDS_MAX + 3] = {"bygone", FORKED_WORD};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    int status, e;

    for (unsigned i = 0; options[i]; i++)
        argv[i + 2] = options[i];
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, socket, FORKED_SOCKET);
    posix_spawn_file_actions_adddup2(&actions, messages, FORKED_STDERR);
    e = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    /* It leaves a process of its own behind at once, and ends. */
    while (!e && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return e;
}

bool fork_process_start(struct fork_process *p, char *const *options, char *err, size_t err_size)
{
    int sockets[2] = {-1, -1}, pipes[2] = {-1, -1}, messages = -1, e = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) || pipe2(pipes, O_CLOEXEC) ||
        !lift(&sockets[1]) || !lift(&pipes[1]) || (messages = open_messages()) < 0 ||
        !lift(&messages))
        e = errno;
    else
        e = spawn(sockets[1], pipes[1], messages, options);
    close_fd(&sockets[1]);
    close_fd(&pipes[1]);
    close_fd(&messages);
    *p = (struct fork_process){.socket = sockets[0], .errors = pipes[0]};
    if (!e)
        return true;
    fork_process_abandon(p);
    snprintf(err, err_size, "fork: no process can be started: %s", strerror(e));
    return false;
}

void fork_process_abandon(struct fork_process *p)
{
    close_fd(&p->socket);
    close_fd(&p->errors);
}

/* What it has printed; false at the end. */
static bool take_errors(struct fork_process *p, struct text *said)
{
    char data[512];
    ssize_t n = read(p->errors, data, sizeof data - 1);

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    data[n] = 0;
    if (said->len < SAID_MAX)
        text_add(said, data);
    return true;
}

/* True if it runs; `said` gets what it says then, or has printed before. */
static bool listen_to(struct fork_process *p, struct text *said)
{
    struct pollfd fds[2] = {{.fd = p->socket, .events = POLLIN},
                            {.fd = p->errors, .events = POLLIN}};
    char data[2048];
    ssize_t n;

    for (;;) {
        int ready = poll(fds, 2, PATIENCE_MS);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return text_fail(said, "fork: the other process does not answer");
        if (fds[1].revents && !take_errors(p, said))
            fds[1].fd = -1;
        n = fds[0].revents ? recv(p->socket, data, sizeof data - 2, 0) : 0;
        if (n > 0) {
            data[n] = '\n';
            data[n + 1] = 0;
            text_add(said, data);
            return true;
        }
        if (fds[0].revents)
            fds[0].fd = -1; /* it has ended; what it has printed is in the pipe */
        if (fds[0].fd < 0 && fds[1].fd < 0)
            return false;
    }
}

bool fork_process_wait(struct fork_process *p, struct text *out)
{
    struct text said = {0};
    bool good = listen_to(p, &said);

    text_add(out, said.data ? said.data : "fork: the other process has ended at once\n");
    text_free(&said);
    fork_process_abandon(p);
    return good;
}
