/* The pair of machines; see twin.h. */
#include "tests/boot/twin.h"

#include "base/state.h"
#include "cpu/cpu.h"
#include "devices/board/machine_private.h"
#include "devices/board/snapshot.h"
#include "devices/host/blk_overlay.h"
#include "devices/host/chr.h"
#include "frontend/serial_tap.h"
#include "tests/support/stepper.h"
#include "tests/support/whole.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The machine's own functions: those of these names lead to twin.c; see the Makefile. */
enum machine_stop __real_machine_run(struct machine *m, u64 until_ns);
void __real_machine_key(struct machine *m, u16 key, bool down);
void __real_machine_mouse(struct machine *m, s32 dx, s32 dy, s32 dz, u8 buttons);
int __real_machine_insert(struct machine *m, enum drive_id drive, const char *path, char *err,
                          size_t err_size);
int __real_machine_eject(struct machine *m, enum drive_id drive, char *err, size_t err_size);
void __real_machine_powerdown(struct machine *m);
void __real_machine_reset(struct machine *m);
bool __real_serial_tap_type(struct serial_tap *t, const char *text);

/* ---- Life ---- */

/* The same disturbances follow each time that it goes on from here. */
static void disturb_from(struct twin *t, size_t at)
{
    test_engine_disturb_often(machine_cpu(t->m[1], 0), t->often, t->often_seed + at);
}

static void build_one(struct twin *t, unsigned i, struct machine_config config)
{
    bool stepped = !strcmp(t->engine[i], "stepper");
    char err[512];

    config.engine = stepped ? "interp" : t->engine[i];
    config.log = t->config.log;
    if (t->taps) {
        t->tap[i] = serial_tap_new(NULL);
        config.serial[0] = serial_tap_chr(t->tap[i]);
    }
    t->m[i] = machine_new(&config, err, sizeof err);
    if (!t->m[i]) {
        fprintf(stderr, "%s\n", err);
        exit(71);
    }
    if (stepped)
        stepper_take(machine_cpu(t->m[i], 0));
    if (i == 1 && t->wrong_at)
        twin_make_wrong(t->m[i], t->wrong_at);
    if (t->threshold) {
        if (!strcmp(config.windows, "auto"))
            test_engine_windows(machine_cpu(t->m[i], 0), TEST_WINDOWS_ALWAYS);
        test_engine_traces(machine_cpu(t->m[i], 0), true);
        test_engine_threshold(machine_cpu(t->m[i], 0), t->threshold);
    }
}

static void free_machines(struct twin *t)
{
    for (unsigned i = 0; i < TWINS; i++) {
        machine_free(t->m[i]);
        t->m[i] = NULL;
    }
}

static unsigned machines(const struct twin *t)
{
    return t->alone ? 1 : TWINS;
}

void twin_build(struct twin *t)
{
    free_machines(t);
    for (unsigned i = 0; i < machines(t); i++)
        build_one(t, i, t->config);
    if (!t->alone)
        disturb_from(t, 0);
}

static void free_equal(struct twin *t)
{
    state_free(t->equal);
    t->equal = NULL;
    for (unsigned i = 0; i < DRIVE_COUNT; i++) {
        blk_overlay_free(t->equal_disk[i]);
        t->equal_disk[i] = NULL;
    }
}

void twin_free(struct twin *t)
{
    free_machines(t);
    free_equal(t);
    free(t->ops);
    t->ops = NULL;
    t->count = t->room = 0;
}

/* ---- Saved states ---- */

static void flush(struct machine *m)
{
    struct cpu *c = machine_cpu(m, 0);

    if (c->engine->flush)
        c->engine->flush(c);
}

void twin_keep(struct twin *t)
{
    free_equal(t);
    t->equal = whole_save(t->m[0]);
    for (unsigned i = 0; i < DRIVE_COUNT; i++)
        t->equal_disk[i] = whole_disk(t->m[0], i);
    t->equal_at = t->count;
    /* As loading will do: what follows must go the same way again. */
    for (unsigned i = 0; i < TWINS; i++)
        flush(t->m[i]);
    disturb_from(t, t->equal_at);
}

size_t twin_back(struct twin *t, bool from_start)
{
    if (from_start || !t->equal) {
        twin_build(t);
        return 0;
    }
    for (unsigned i = 0; i < TWINS; i++) {
        whole_load(t->m[i], t->equal);
        for (unsigned d = 0; d < DRIVE_COUNT; d++)
            whole_put_disk(t->m[i], d, t->equal_disk[d]);
    }
    disturb_from(t, t->equal_at);
    return t->equal_at;
}

/* ---- Comparison ---- */

bool twin_alike(struct twin *t)
{
    return machine_instructions(t->m[0]) == machine_instructions(t->m[1]) &&
           machine_now_ns(t->m[0]) == machine_now_ns(t->m[1]) &&
           whole_cpu_hash(t->m[0]) == whole_cpu_hash(t->m[1]);
}

bool twin_same(struct twin *t)
{
    return machine_state_hash(t->m[0]) == machine_state_hash(t->m[1]);
}

void twin_tell_difference(struct twin *t, FILE *out)
{
    char where[2000], *rest, *part;

    whole_difference(t->m[0], t->m[1], where, sizeof where);
    for (part = strtok_r(where, ";", &rest); part; part = strtok_r(NULL, ";", &rest))
        fprintf(out, "    %s\n", part + strspn(part, " "));
}

/* ---- What is done to them ---- */

static void fail(const char *err)
{
    fprintf(stderr, "twin: %s\n", err);
    exit(1);
}

/*
 * The second machine is built again from a snapshot of the first one, as a new process would do.
 * What comes from outside goes on as before.
 */
static void move(struct twin *t)
{
    char file[] = "/tmp/twin.XXXXXX", err[600];
    struct serial_tap *typed = t->tap[1];
    struct machine *old = t->m[1];
    struct snapshot *s;

    close(mkstemp(file));
    if (!snapshot_save(t->m[0], file, err, sizeof err) ||
        !(s = snapshot_open(file, err, sizeof err)))
        fail(err);
    build_one(t, 1, *snapshot_config(s));
    if (!snapshot_load(s, t->m[1], err, sizeof err))
        fail(err);
    snapshot_close(s);
    unlink(file);
    if (t->taps)
        serial_tap_take_over(t->tap[1], typed);
    t->m[1]->next_chr_poll_ns = t->m[0]->next_chr_poll_ns;
    disturb_from(t, t->count);
    machine_free(old);
}

static enum machine_stop run(struct machine *m, const struct twin_op *op)
{
    enum machine_stop why;

    m->stop_count = op->stop_count ? op->stop_count : UINT64_MAX;
    why = __real_machine_run(m, op->ns);
    m->stop_count = UINT64_MAX;
    return why;
}

static void apply_to(struct twin *t, unsigned i, const struct twin_op *op, enum machine_stop *why)
{
    struct machine *m = t->m[i];
    char err[400];

    switch (op->kind) {
    case TWIN_RUN: *why = run(m, op); break;
    case TWIN_KEY: __real_machine_key(m, op->key, op->down); break;
    case TWIN_MOUSE: __real_machine_mouse(m, op->dx, op->dy, op->dz, op->buttons); break;
    case TWIN_INSERT: __real_machine_insert(m, op->drive, op->text, err, sizeof err); break;
    case TWIN_EJECT: __real_machine_eject(m, op->drive, err, sizeof err); break;
    case TWIN_POWERDOWN: __real_machine_powerdown(m); break;
    case TWIN_RESET: __real_machine_reset(m); break;
    case TWIN_TYPE_SERIAL: __real_serial_tap_type(t->tap[i], op->text); break;
    case TWIN_FLUSH: flush(m); break;
    case TWIN_THRESHOLD: test_engine_threshold(machine_cpu(m, 0), (unsigned)op->ns); break;
    case TWIN_DISTURB: test_engine_disturb(machine_cpu(m, 0), op->ns); break;
    case TWIN_CUT: __real_machine_run(m, op->ns); break;
    case TWIN_RELOAD: {
        struct state *s = whole_save(m);

        whole_load(m, s);
        state_free(s);
        break;
    }
    case TWIN_MOVE: move(t); break;
    }
}

static void apply(struct twin *t, const struct twin_op *op, enum machine_stop why[TWINS])
{
    for (unsigned i = op->kind >= TWIN_FLUSH ? 1 : 0; i < machines(t); i++)
        apply_to(t, i, op, &why[i]);
}

void twin_do(struct twin *t, const struct twin_op *op, enum machine_stop why[TWINS])
{
    enum machine_stop unused[TWINS];

    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 1024;
        t->ops = realloc(t->ops, t->room * sizeof *t->ops);
        if (!t->ops)
            abort();
    }
    t->ops[t->count++] = *op;
    apply(t, op, why ? why : unused);
}

void twin_redo(struct twin *t, size_t from, size_t to)
{
    enum machine_stop why[TWINS];

    for (size_t i = from; i < to; i++)
        apply(t, &t->ops[i], why);
}
