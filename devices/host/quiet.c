/* Keeping SIGPIPE and SIGXFSZ from killing the process; see quiet.h. POSIX.1, "sigtimedwait". */
#include "devices/host/quiet.h"

#include <errno.h>
#include <time.h>

static const int quiet_signals[] = {SIGPIPE, SIGXFSZ};

void quiet_begin(struct quiet *q)
{
    sigset_t pending;
    unsigned i;

    sigemptyset(&q->ours);
    sigpending(&pending);
    for (i = 0; i < ARRAY_LEN(quiet_signals); i++)
        if (!sigismember(&pending, quiet_signals[i]))
            sigaddset(&q->ours, quiet_signals[i]);
    pthread_sigmask(SIG_BLOCK, &q->ours, &q->old_mask);
}

void quiet_end(struct quiet *q)
{
    static const struct timespec at_once;
    int saved = errno;
    sigset_t pending;
    unsigned i;

    /* Nearly always nothing is pending; asking is one call, taking would be two. */
    sigpending(&pending);
    for (i = 0; i < ARRAY_LEN(quiet_signals); i++)
        if (sigismember(&q->ours, quiet_signals[i]) && sigismember(&pending, quiet_signals[i]))
            while (sigtimedwait(&q->ours, NULL, &at_once) > 0)
                ;
    pthread_sigmask(SIG_SETMASK, &q->old_mask, NULL);
    errno = saved;
}
