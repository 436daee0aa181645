/* The process that the command fork starts; see forked.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "frontend/forked.h"

#include "devices/board/fork.h"
#include "frontend/resume.h"
#include "frontend/text.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors that somebody forgot to close on exec would keep the first process's files open. */
static void close_others(void)
{
#ifdef SYS_close_range
    syscall(SYS_close_range, FORKED_FDS, ~0u, 0);
#endif
}

/* A child of init in a session of its own: what ends the first process does not end us. */
static bool leave(void)
{
    pid_t pid = fork();

    if (pid > 0)
        _exit(0);
    return pid == 0 && setsid() >= 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

/* Where sockets of this user belong. */
static bool choose_socket(struct options *o)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");
    char where[PATH_MAX];

    if (!dir || access(dir, W_OK))
        dir = getenv("TMPDIR");
#ifdef HAVE_JANSSON
    snprintf(where, sizeof where, "unix:%s/bygone-%d.qmp", dir ? dir : "/tmp", (int)getpid());
    o->qmp = options_keep(o, where);
    return o->qmp;
#else
    snprintf(where, sizeof where, "unix:%s/bygone-%d.monitor", dir ? dir : "/tmp", (int)getpid());
    o->monitor = options_keep(o, where);
    return o->monitor;
#endif
}

bool forked_begin(struct options *o)
{
    close_others();
    if (!leave())
        return false;
    prctl(PR_SET_NAME, "bygone"); /* it was started as /proc/self/exe */
    if (!o->display)
        o->display = "none";
    return o->qmp || o->monitor || o->gdb || o->script || choose_socket(o);
}

struct forked *forked_open(bool watched, struct machine_config *out, char *err, size_t err_size)
{
    struct forked *f = forked_receive(FORKED_SOCKET, err, err_size);

    if (!f)
        return NULL;
    for (unsigned i = 1; i < MACHINE_SERIALS; i++)
        if (out->serial[i] && !forked_config(f)->serial_port[i]) {
            snprintf(err, err_size, "fork: --serial: the machine has fewer serial ports");
            forked_free(f);
            return NULL;
        }
    resume_config(forked_config(f), watched, out);
    return f;
}

bool forked_tell(const struct options *o)
{
    const char *const where[] = {o->qmp, o->monitor, o->gdb};
    const char *const name[] = {"qmp", "monitor", "gdb"};
    struct text t = {0};
    bool good, first = true;

    text_addf(&t, "process %d goes on, too", (int)getpid());
    for (unsigned i = 0; i < ARRAY_LEN(where); i++)
        if (where[i]) {
            text_addf(&t, "%s%s %s", first ? ": " : ", ", name[i], where[i]);
            first = false;
        }
    good = t.data && send(FORKED_SOCKET, t.data, t.len, MSG_NOSIGNAL) == (ssize_t)t.len;
    text_free(&t);
    fflush(stderr);
    dup2(FORKED_STDERR, STDERR_FILENO);
    close(FORKED_STDERR);
    close(FORKED_SOCKET);
    return good;
}
