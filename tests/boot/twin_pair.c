/* The pair of machines; see twin.h. */
#include "tests/boot/twin.h"

#include "base/state.h"
#include "cpu/cpu.h"
#include "devices/host/chr.h"
#include "frontend/serial_tap.h"
#include "tests/support/statediff.h"
#include "tests/support/stepper.h"

#include <stdlib.h>
#include <string.h>

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

static void build_one(struct twin *t, unsigned i)
{
    struct machine_config config = t->config;
    bool stepped = !strcmp(t->engine[i], "stepper");
    char err[512];

    config.engine = stepped ? "interp" : t->engine[i];
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
    if (t->threshold)
        test_engine_threshold(machine_cpu(t->m[i], 0), t->threshold);
}

static void free_machines(struct twin *t)
{
    for (unsigned i = 0; i < TWINS; i++)
        machine_free(t->m[i]);
}

void twin_build(struct twin *t)
{
    free_machines(t);
    for (unsigned i = 0; i < TWINS; i++)
        build_one(t, i);
    disturb_from(t, 0);
}

void twin_free(struct twin *t)
{
    free_machines(t);
    state_free(t->equal);
    free(t->ops);
}

/* ---- Saved states ---- */

static struct state *save(struct machine *m)
{
    struct state *s = state_new_save();

    machine_state(m, s);
    if (state_error(s)) {
        fprintf(stderr, "saving: %s\n", state_error(s));
        exit(1);
    }
    return s;
}

static void load(struct machine *m, const struct state *from)
{
    size_t len;
    const void *data = state_data(from, &len);
    struct state *s = state_new_load(data, len);

    machine_state(m, s);
    if (state_error(s)) {
        fprintf(stderr, "loading: %s\n", state_error(s));
        exit(1);
    }
    state_free(s);
}

static void flush(struct machine *m)
{
    struct cpu *c = machine_cpu(m, 0);

    if (c->engine->flush)
        c->engine->flush(c);
}

void twin_keep(struct twin *t)
{
    state_free(t->equal);
    t->equal = save(t->m[0]);
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
    for (unsigned i = 0; i < TWINS; i++)
        load(t->m[i], t->equal);
    disturb_from(t, t->equal_at);
    return t->equal_at;
}

/* ---- Comparison ---- */

static u64 cpu_hash(struct machine *m)
{
    struct state *s = state_new_hash();
    u64 hash;

    cpu_state(machine_cpu(m, 0), s);
    hash = state_hash(s);
    state_free(s);
    return hash;
}

bool twin_alike(struct twin *t)
{
    return machine_instructions(t->m[0]) == machine_instructions(t->m[1]) &&
           machine_now_ns(t->m[0]) == machine_now_ns(t->m[1]) &&
           cpu_hash(t->m[0]) == cpu_hash(t->m[1]);
}

bool twin_same(struct twin *t)
{
    return machine_state_hash(t->m[0]) == machine_state_hash(t->m[1]);
}

void twin_tell_difference(struct twin *t, FILE *out)
{
    struct state *a = save(t->m[0]), *b = save(t->m[1]);
    char where[2000], *rest, *part;

    if (!state_diff(a, b, where, sizeof where))
        snprintf(where, sizeof where, "nothing that is saved");
    for (part = strtok_r(where, ";", &rest); part; part = strtok_r(NULL, ";", &rest))
        fprintf(out, "    %s\n", part + strspn(part, " "));
    state_free(a);
    state_free(b);
}

/* ---- What is done to them ---- */

static void apply_to(struct twin *t, unsigned i, const struct twin_op *op, enum machine_stop *why)
{
    struct machine *m = t->m[i];
    char err[400];

    switch (op->kind) {
    case TWIN_RUN: *why = __real_machine_run(m, op->ns); break;
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
        struct state *s = save(m);

        load(m, s);
        state_free(s);
        break;
    }
    }
}

static void apply(struct twin *t, const struct twin_op *op, enum machine_stop why[TWINS])
{
    for (unsigned i = op->kind >= TWIN_FLUSH ? 1 : 0; i < TWINS; i++)
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
