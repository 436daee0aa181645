/* Raw CD sectors against ECMA-130. */
#include "devices/storage/cd_sector.h"

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static u8 raw[CD_RAW_SECTOR];

static void build(u32 lba)
{
    u8 user[CD_SECTOR];
    unsigned i;

    srand(lba + 1);
    for (i = 0; i < sizeof user; i++)
        user[i] = (u8)rand();
    cd_raw_sector(lba, user, raw);
    cr_assert_eq(memcmp(raw + 16, user, sizeof user), 0);
}

/* alpha^n by repeated doubling. */
static u8 power(unsigned n)
{
    unsigned v = 1;

    while (n--)
        v = v << 1 ^ (v & 0x80 ? 0x11D : 0);
    return (u8)v;
}

static u8 times(u8 a, u8 b)
{
    unsigned product = 0, i;

    for (i = 0; i < 8; i++)
        if (b >> i & 1)
            product ^= (unsigned)a << i;
    for (i = 15; i >= 8; i--)
        if (product >> i & 1)
            product ^= 0x11Du << (i - 8);
    return (u8)product;
}

/* Both syndromes of a vector of `n` words at the places that `at` tells are zero. */
static void check_vector(unsigned n, const unsigned *at)
{
    unsigned half, i;
    u8 s0, s1, v;

    for (half = 0; half < 2; half++) {
        s0 = s1 = 0;
        for (i = 0; i < n; i++) {
            v = raw[12 + 2 * at[i] + half];
            s0 ^= v;
            s1 ^= times(v, power(n - 1 - i));
        }
        cr_assert_eq(s0, 0);
        cr_assert_eq(s1, 0);
    }
}

Test(cd_sector, starts_with_sync_and_its_address)
{
    static const u8 sync[12] = {0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0};

    build(75 * 60 * 12 + 75 * 34 + 56); /* 12:34.56 after the two seconds */
    cr_assert_eq(memcmp(raw, sync, 12), 0);
    cr_assert_eq(raw[12], 0x12);
    cr_assert_eq(raw[13], 0x36);
    cr_assert_eq(raw[14], 0x56);
    cr_assert_eq(raw[15], 1);
}

Test(cd_sector, p_parity_of_all_columns_holds)
{
    unsigned at[26], n, m;

    build(1000);
    for (n = 0; n < 43; n++) {
        for (m = 0; m < 26; m++)
            at[m] = 43 * m + n;
        check_vector(26, at);
    }
}

Test(cd_sector, q_parity_of_all_diagonals_holds)
{
    unsigned at[45], n, m;

    build(2000);
    for (n = 0; n < 26; n++) {
        for (m = 0; m < 43; m++)
            at[m] = (44 * m + 43 * n) % 1118;
        at[43] = 1118 + n;
        at[44] = 1144 + n;
        check_vector(45, at);
    }
}

Test(cd_sector, edc_makes_the_checked_part_divisible)
{
    /* The polynomial, msb first, as the standard multiplies it out. */
    static const u64 poly = 0x18001801Bull;
    u64 rest = 0;
    unsigned i, bit;

    build(3000);
    for (i = 0; i < 2068; i++)
        for (bit = 0; bit < 8; bit++) {
            rest = rest << 1 | (raw[i] >> bit & 1);
            if (rest >> 32)
                rest ^= poly;
        }
    cr_assert_eq(rest, 0);
}

Test(cd_sector, fields_come_in_order)
{
    u8 user[CD_SECTOR] = {1, 2, 3}, out[CD_RAW_SECTOR];

    cr_assert_eq(cd_field_bytes(0xF8), 2352);
    cr_assert_eq(cd_field_bytes(0x10), 2048);
    cr_assert_eq(cd_field_bytes(0x20), 4);
    cr_assert_eq(cd_fields(0, 0x30, user, out), 2052);
    cr_assert_eq(out[1], 0x02); /* 00:02.00 */
    cr_assert_eq(out[4], 1);
    cr_assert_eq(cd_fields(0, 0x08, user, out), 288);
}

Test(cd_sector, msf_and_lba_are_inverse)
{
    u8 msf[3];
    u32 lba, back;

    for (lba = 0; lba < 400000; lba += 377) {
        cd_msf(lba, msf);
        cr_assert(cd_lba(msf, &back));
        cr_assert_eq(back, lba);
    }
    cr_assert_not(cd_lba((const u8[]){0, 1, 74}, &back));
    cr_assert_not(cd_lba((const u8[]){0, 60, 0}, &back));
}
