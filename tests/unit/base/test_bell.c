/* The bell: silent, rung, heard once. */
#include "base/bell.h"

#include <criterion/criterion.h>
#include <poll.h>

static bool rings(int bell)
{
    struct pollfd fd = {.fd = bell, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

Test(bell, however_often_rung_it_is_heard_once)
{
    int bell = bell_open();

    cr_assert_geq(bell, 0);
    cr_assert_not(rings(bell));
    cr_assert_not(bell_heard(bell));
    bell_ring(bell);
    bell_ring(bell);
    cr_assert(rings(bell));
    cr_assert(bell_heard(bell));
    cr_assert_not(rings(bell));
    cr_assert_not(bell_heard(bell));
    bell_ring(bell);
    cr_assert(bell_heard(bell));
    bell_close(bell);
}

Test(bell, one_that_could_not_be_opened_may_be_closed)
{
    bell_close(-24);
}
