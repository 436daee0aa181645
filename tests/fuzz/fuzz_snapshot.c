/*
 * Any bytes as a snapshot. The first byte chooses: the rest is the file, or changes of a good one
 * under right checksums. What is refused must leave the machine as it was.
 */
#define _GNU_SOURCE /* memfd_create */
#include "devices/board/machine.h"
#include "devices/board/snapshot.h"
#include "tests/fuzz/bare_machine.h"
#include "tests/fuzz/lasting.h"
#include "tests/fuzz/snapdamage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz_snapshot.XXXXXX", good[64], bad[64];

static struct machine *make_machine(void)
{
    char err[500];
    struct machine *m = bare_machine_new(NULL, err, sizeof err);
    u32 at;

    if (!m || !mkdtemp(dir))
        abort();
    snprintf(good, sizeof good, "%s/good", dir);
    snprintf(bad, sizeof bad, "%s/bad", dir);
    at = bare_machine_prepare(m);
    machine_write_physical(m, at, "\x40\xEB\xFD", 3); /* inc ax; jmp $-1 */
    machine_run(m, 1000000);
    if (!snapshot_save(m, good, err, sizeof err))
        abort();
    machine_run(m, 2000000);
    return m;
}

static void write_file(const u8 *data, size_t size)
{
    FILE *f = fopen(bad, "wb");

    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}

static void load(struct machine *m)
{
    char err[500] = "";
    struct snapshot *s = snapshot_open(bad, err, sizeof err);
    u64 before = machine_state_hash(m);

    if (s && snapshot_load(s, m, err, sizeof err))
        machine_run(m, machine_now_ns(m) + 1000);
    else if (strlen(err) < 10 || machine_state_hash(m) != before)
        abort();
    snapshot_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine *m;

    if (!m)
        m = make_machine();
    if (!size)
        return 0;
    if (data[0] & 1)
        snapdamage_rewrite(good, bad, data + 1, size - 1);
    else
        write_file(data + 1, size - 1);
    load(m);
    unlink(bad);
    return 0;
}
