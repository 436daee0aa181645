/* A machine's configuration copied, saved and loaded. */
#define _GNU_SOURCE /* memmem */
#include "devices/board/config.h"

#include "base/state.h"
#include "devices/host/chr.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct machine_config example(void)
{
    return (struct machine_config){
        .mem_bytes = 48 << 20,
        .cpu = "486",
        .engine = "interp",
        .drive = {[DRIVE_HDA] = "/tmp/disk.img"},
        .drive_is_cd = {[DRIVE_HDC] = true},
        .boot = "c",
        .append = "",
        .discard = true,
        .serial_port = {false, true},
        .deterministic = true,
        .speed_mips = 33,
        .rtc_epoch = -5,
        .seed = 7,
        .debug_exit = true,
        .debug_exit_port = 0x501,
    };
}

static struct state *save(struct machine_config *c)
{
    struct state *s = state_new_save();

    machine_config_state(c, s);
    cr_assert_null(state_error(s));
    return s;
}

static const char *load(struct machine_config *c, const void *data, size_t len, char error[400])
{
    struct state *s = state_new_load(data, len);
    const char *e;

    machine_config_state(c, s);
    e = state_error(s);
    if (e)
        snprintf(error, 400, "%s", e);
    state_free(s);
    return e ? error : NULL;
}

Test(config, what_is_saved_is_loaded)
{
    struct machine_config a = example(), b = {0};
    struct state *s = save(&a);
    char error[400];
    size_t len;
    const void *data = state_data(s, &len);

    cr_assert_null(load(&b, data, len, error));
    cr_assert_eq(b.mem_bytes, a.mem_bytes);
    cr_assert_str_eq(b.cpu, "486");
    cr_assert_null(b.engine, "which engine runs is no part of the machine");
    cr_assert_str_eq(b.drive[DRIVE_HDA], "/tmp/disk.img");
    cr_assert_null(b.drive[DRIVE_FDA]);
    cr_assert(b.drive_is_cd[DRIVE_HDC]);
    cr_assert_str_eq(b.append, "", "an empty text is not a missing one");
    cr_assert_null(b.kernel);
    cr_assert(b.serial_port[1] && !b.serial_port[2]);
    cr_assert(b.deterministic && b.discard && b.debug_exit && !b.post_card);
    cr_assert_eq(b.speed_mips, 33);
    cr_assert_eq(b.rtc_epoch, -5);
    cr_assert_eq(b.seed, 7);
    cr_assert_eq(b.debug_exit_port, 0x501);
    machine_config_free(&b);
    state_free(s);
}

Test(config, port_with_a_stream_is_there_when_loaded)
{
    struct machine_config a = example(), b = {0};
    char error[400];
    struct state *s;
    size_t len;
    const void *data;

    a.serial[2] = chr_new_memory(16);
    s = save(&a);
    data = state_data(s, &len);
    cr_assert_null(load(&b, data, len, error));
    cr_assert(b.serial_port[2]);
    cr_assert_null(b.serial[2]);
    machine_config_free(&b);
    chr_close(a.serial[2]);
    state_free(s);
}

Test(config, copy_has_strings_of_its_own)
{
    char name[] = "486";
    struct machine_config a = example(), b;

    a.cpu = name;
    cr_assert(machine_config_copy(&b, &a));
    name[0] = 'x';
    cr_assert_str_eq(b.cpu, "486");
    machine_config_free(&b);
    cr_assert_null(b.cpu);
}

Test(config, size_of_memory_out_of_bounds_is_refused)
{
    struct machine_config a = example(), b = {0};
    struct state *s = save(&a);
    char error[400];
    size_t len;
    const void *data = state_data(s, &len);
    u8 *copy = malloc(len);
    u64 bad[] = {0, 1, 1ull << 40, UINT64_MAX};
    u8 *at;

    memcpy(copy, data, len);
    at = memmem(copy, len, "mem_bytes", 9);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        memcpy(at + 9 + 4, &bad[i], 8);
        cr_assert(load(&b, copy, len, error));
        cr_assert(strstr(error, "memory"), "%s", error);
        machine_config_free(&b);
    }
    free(copy);
    state_free(s);
}

Test(config, cut_anywhere_is_refused)
{
    struct machine_config a = example();
    struct state *s = save(&a);
    char error[400];
    size_t len;
    const void *data = state_data(s, &len);

    for (size_t n = 0; n < len; n++) {
        struct machine_config b = {0};

        cr_assert(load(&b, data, n, error), "%zu of %zu bytes", n, len);
        machine_config_free(&b);
    }
    state_free(s);
}
