#include "base/bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int bell_open(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

void bell_ring(int bell)
{
    u64 one = 1;

    if (write(bell, &one, sizeof one) < 0)
        return; /* the counter is full: it rings already */
}

bool bell_heard(int bell)
{
    u64 rings;

    return read(bell, &rings, sizeof rings) > 0;
}

void bell_close(int bell)
{
    if (bell >= 0)
        close(bell);
}
