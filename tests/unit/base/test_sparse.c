/* Sparse arrays: zeros at first and after a clear, of any size and use. */
#include "base/sparse.h"

#include <criterion/criterion.h>

enum { PAGE = 4096 };

Test(sparse, a_terabyte_is_zeros_wherever_touched)
{
    size_t bytes = 1ull << 40;
    u8 *p = sparse_new(bytes, SPARSE_SCATTERED);

    cr_assert_not_null(p);
    cr_assert_eq(p[0], 0);
    p[bytes - 1] = 1;
    cr_assert_eq(p[bytes - 2], 0);
    cr_assert_eq(p[bytes - 1], 1);
    sparse_free(p, bytes);
}

Test(sparse, clear_makes_zeros_of_its_pages_alone)
{
    for (int use = SPARSE_ANYHOW; use <= SPARSE_DENSE; use++) {
        u8 *p = sparse_new(3 * PAGE, (enum sparse_use)use);

        p[PAGE - 1] = p[PAGE] = p[2 * PAGE - 1] = p[2 * PAGE] = 7;
        sparse_clear(p + PAGE, PAGE);
        cr_assert_eq(p[PAGE - 1], 7);
        cr_assert_eq(p[PAGE], 0);
        cr_assert_eq(p[2 * PAGE - 1], 0);
        cr_assert_eq(p[2 * PAGE], 7);
        sparse_free(p, 3 * PAGE);
    }
}

Test(sparse, one_that_cannot_be_is_null_and_may_be_freed)
{
    void *p = sparse_new(~(size_t)0 / 2, SPARSE_ANYHOW);

    cr_assert_null(p);
    sparse_free(p, ~(size_t)0 / 2);
}
