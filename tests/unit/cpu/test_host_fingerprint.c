/* The fingerprint is a fact about the host, not about the moment. */
#include "cpu/host_fingerprint.h"

#include <criterion/criterion.h>
#include <fenv.h>

Test(host_fingerprint, is_the_same_each_time)
{
    u64 first = host_fingerprint();

    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(host_fingerprint(), first);
}

Test(host_fingerprint, is_there_on_x86_hosts)
{
#if defined(__x86_64__)
    cr_assert_neq(host_fingerprint(), 0);
#else
    cr_assert_eq(host_fingerprint(), 0);
#endif
}
