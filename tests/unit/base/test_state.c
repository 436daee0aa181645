/* The state stream: what is saved loads, and what is damaged is refused and named. */
#include "base/state.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct part {
    bool flag;
    u8 a;
    u16 b;
    u32 c;
    u64 d;
    s32 e;
    s64 f;
    u8 bytes[5];
};

static const struct part model = {
    .flag = true,
    .a = 0x12,
    .b = 0x3456,
    .c = 0x789ABCDE,
    .d = 0x0123456789ABCDEFull,
    .e = -7,
    .f = -1234567890123ll,
    .bytes = {1, 2, 3, 4, 5},
};

static void part_state(struct part *p, struct state *s)
{
    state_begin(s, "part", 2);
    state_bool(s, "flag", &p->flag);
    state_u8(s, "a", &p->a);
    state_u16(s, "b", &p->b);
    state_begin(s, "inner", 1);
    state_u32(s, "c", &p->c);
    state_u64(s, "d", &p->d);
    state_end(s);
    state_s32(s, "e", &p->e);
    state_s64(s, "f", &p->f);
    state_bytes(s, "bytes", p->bytes, sizeof p->bytes);
    state_end(s);
}

/* The saved model, to be freed. */
static u8 *saved(size_t *len)
{
    struct part p = model;
    struct state *s = state_new_save();
    const void *data;
    u8 *copy;

    part_state(&p, s);
    cr_assert_null(state_error(s));
    data = state_data(s, len);
    copy = malloc(*len);
    memcpy(copy, data, *len);
    state_free(s);
    return copy;
}

static u64 hash_of(struct part p)
{
    struct state *s = state_new_hash();
    u64 h;

    part_state(&p, s);
    h = state_hash(s);
    state_free(s);
    return h;
}

Test(state, nothing_is_refused_like_any_damage)
{
    struct state *s = state_new_load(NULL, 0);
    struct part p;

    part_state(&p, s);
    cr_assert(state_error(s));
    state_free(s);
}

Test(state, what_is_saved_loads)
{
    struct part p = {0};
    size_t len;
    u8 *data = saved(&len);
    struct state *s = state_new_load(data, len);

    part_state(&p, s);
    cr_assert_null(state_error(s));
    cr_assert_eq(p.flag, true);
    cr_assert_eq(p.a, model.a);
    cr_assert_eq(p.b, model.b);
    cr_assert_eq(p.c, model.c);
    cr_assert_eq(p.d, model.d);
    cr_assert_eq(p.e, model.e);
    cr_assert_eq(p.f, model.f);
    cr_assert_arr_eq(p.bytes, model.bytes, 5);
    state_free(s);
    free(data);
}

Test(state, every_shorter_stream_is_refused)
{
    size_t len, cut;
    u8 *data = saved(&len), *exact;

    for (cut = 0; cut < len; cut++) {
        struct part p = {0};
        struct state *s;

        exact = malloc(cut + 1); /* its own block, so that the sanitizer sees a byte too far */
        memcpy(exact + 1, data, cut);
        s = state_new_load(exact + 1, cut);
        part_state(&p, s);
        cr_assert_not_null(state_error(s), "cut to %zu of %zu bytes", cut, len);
        state_free(s);
        free(exact);
    }
    free(data);
}

Test(state, flipped_bits_never_crash)
{
    struct part p = model;
    size_t len, at;
    u8 *data = saved(&len), old;
    struct state *s;
    int i;

    srand(1);
    for (i = 0; i < 20000; i++) {
        at = (size_t)rand() % len;
        old = data[at];
        data[at] ^= (u8)(1 + rand() % 255);
        s = state_new_load(data, len);
        part_state(&p, s);
        state_free(s);
        data[at] = old;
    }
    free(data);
}

/* Save a lone section with one u8 field, load it as the caller says. */
static void expect_error(const char *section, u32 version, const char *field, const char *sentence)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;
    u8 v = 9, loaded = 1;

    state_begin(s, "pit", 3);
    state_u8(s, "count", &v);
    state_end(s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    state_begin(l, section, version);
    if (field)
        state_u8(l, field, &loaded);
    state_end(l);
    cr_assert_str_eq(state_error(l), sentence);
    cr_assert_eq(loaded, 1, "a field is kept after an error");
    state_free(l);
    state_free(s);
}

Test(state, errors_name_section_and_field)
{
    expect_error("pic", 3, "count", "section 'pit' stands where section 'pic' was expected");
    expect_error("pit", 2, "count",
                 "section 'pit' has version 3, newer than version 2 which this program knows");
    expect_error("pit", 3, "mode",
                 "section 'pit': field 'count' stands where field 'mode' was expected");
    expect_error("pit", 4, NULL, "section 'pit': 12 bytes at the end belong to no known field");
}

Test(state, wrong_length_is_refused)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;
    u16 v = 9;
    u32 wide = 7;

    state_u16(s, "count", &v);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    state_u32(l, "count", &wide);
    cr_assert_str_eq(state_error(l), "field 'count' is 2 bytes long where 4 are needed");
    cr_assert_eq(wide, 7);
    state_free(l);
    state_free(s);
}

Test(state, older_version_is_told_to_the_part)
{
    struct state *s = state_new_save(), *l;
    const void *data;
    size_t len;

    state_begin(s, "pit", 3);
    cr_assert_eq(state_version(s), 3);
    state_end(s);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    state_begin(l, "pit", 5);
    cr_assert_eq(state_version(l), 3);
    state_end(l);
    cr_assert_null(state_error(l));
    state_free(l);
    state_free(s);
}

Test(state, a_bool_is_zero_or_one)
{
    u8 two = 2;
    bool b = true;
    size_t len;
    struct state *s = state_new_save(), *l;
    const void *data;

    state_u8(s, "on", &two);
    data = state_data(s, &len);
    l = state_new_load(data, len);
    state_bool(l, "on", &b);
    cr_assert_str_eq(state_error(l), "field 'on' is neither true nor false");
    cr_assert(b);
    state_free(l);
    state_free(s);
}

Test(state, first_error_stays)
{
    struct state *s = state_new_load("", 0);

    state_require(s, false, "pit: count is not BCD");
    state_require(s, false, "something later");
    cr_assert_str_eq(state_error(s), "pit: count is not BCD");
    state_free(s);
}

Test(state, failed_requirement_while_saving_is_reported)
{
    struct state *s = state_new_save();

    state_require(s, false, "count is not BCD");
    cr_assert(strstr(state_error(s), "a bug in this program"));
    state_free(s);
}

Test(state, equal_state_has_equal_hash)
{
    cr_assert_eq(hash_of(model), hash_of(model));
}

Test(state, every_bit_of_a_value_changes_the_hash)
{
    struct part p;
    u64 seen[64 + 40], h0 = hash_of(model);
    unsigned i, j, n = 0;

    for (i = 0; i < 64; i++) {
        p = model;
        p.d ^= 1ull << i;
        seen[n++] = hash_of(p);
    }
    for (i = 0; i < 40; i++) {
        p = model;
        p.bytes[i / 8] ^= (u8)(1 << i % 8);
        seen[n++] = hash_of(p);
    }
    for (i = 0; i < n; i++) {
        cr_assert_neq(seen[i], h0);
        for (j = 0; j < i; j++)
            cr_assert_neq(seen[i], seen[j]);
    }
}

Test(state, big_blocks_hash_every_byte)
{
    static u8 block[1000];
    u64 h[1001];
    unsigned i, j;

    for (i = 0; i <= 1000; i++) {
        struct state *s = state_new_hash();

        memset(block, 0, sizeof block);
        if (i < 1000)
            block[i] = 1;
        state_bytes(s, "block", block, sizeof block);
        h[i] = state_hash(s);
        state_free(s);
        for (j = 0; j < i; j++)
            cr_assert_neq(h[i], h[j]);
    }
}

Test(state, memory_is_left_out_only_where_somebody_said_so)
{
    struct state *a = state_new_save(), *b = state_new_save();

    state_leave_out_memory(b);
    cr_assert(state_has_memory(a));
    cr_assert_not(state_has_memory(b));
    state_free(a);
    state_free(b);
}
