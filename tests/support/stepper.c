/* The stepper as an engine; see stepper.h. */
#include "tests/support/stepper.h"

#include "cpu/cpu.h"
#include "cpu/engine.h"
#include "cpu/fpu.h"
#include "devices/board/engines.h"

#ifdef HAVE_JIT
#include "jit/jit.h"
#endif

#include <string.h>

static enum engine_stop step_until(struct cpu *c, u64 until)
{
    if (c->shutdown)
        return ENGINE_SHUTDOWN;
    c->until = until;
    while (!c->attention) {
        if (c->count >= until)
            return ENGINE_COUNT;
        if (!cpu_step(c))
            return ENGINE_SHUTDOWN;
        if (c->halted)
            return ENGINE_HALT;
    }
    return c->halted ? ENGINE_HALT : ENGINE_ATTENTION;
}

static enum engine_stop stepper_run(struct cpu *c, u64 until)
{
    enum engine_stop why = step_until(c, until);

    fpu_leave(c);
    return why;
}

static bool stepper_attach(struct cpu *c)
{
    return engine_interp.attach(c);
}

static void stepper_flush(struct cpu *c)
{
    engine_interp.flush(c);
}

static void stepper_detach(struct cpu *c)
{
    engine_interp.detach(c);
}

const struct engine engine_stepper = {
    .name = "stepper",
    .attach = stepper_attach,
    .detach = stepper_detach,
    .run = stepper_run,
    .flush = stepper_flush,
};

void stepper_take(struct cpu *c)
{
    c->engine = &engine_stepper;
}

void stepper_give_back(struct cpu *c)
{
    c->engine = &engine_interp;
}

const struct engine *test_engine(const char *name)
{
    return strcmp(name, engine_stepper.name) ? engine_by_name(name) : &engine_stepper;
}

int test_engine_missing(const char *name)
{
    printf("skipped: this build has no engine '%s'\n0 passed, 0 failed, 1 skipped\n", name);
    return 0;
}

bool test_engine_take(struct cpu *c, const struct engine *engine)
{
    c->engine->detach(c);
    c->engine = engine;
    if (!engine->attach(c))
        return false;
    test_engine_threshold(c, 1);
    test_engine_windows(c, TEST_WINDOWS_ALWAYS);
    test_engine_traces(c, true);
    return true;
}

#ifdef HAVE_JIT
static bool translates(const struct cpu *c)
{
    return c->engine == &engine_jit;
}

void test_engine_threshold(struct cpu *c, unsigned n)
{
    if (translates(c))
        jit_set_threshold(c, n);
}

void test_engine_traces(struct cpu *c, bool at_once)
{
    if (translates(c))
        jit_traces_at_once(c, at_once);
}

void test_engine_windows(struct cpu *c, enum test_windows when)
{
    static const enum jit_windows modes[] = {
        [TEST_WINDOWS_OFF] = WINDOWS_OFF,
        [TEST_WINDOWS_ALWAYS] = WINDOWS_ALWAYS,
        [TEST_WINDOWS_PARANOID] = WINDOWS_PARANOID,
    };

    if (translates(c))
        jit_windows_mode(c, modes[when]);
}

void test_engine_disturb(struct cpu *c, u64 seed)
{
    if (translates(c))
        jit_disturb(c, (enum jit_disturbance)(seed >> 40) % DISTURBANCES, seed);
}

void test_engine_disturb_often(struct cpu *c, unsigned one_in, u64 seed)
{
    if (translates(c))
        jit_disturb_often(c, one_in, seed);
}

void test_engine_show_code(struct cpu *c, const u32 *la, unsigned count, FILE *out)
{
    static char text[1 << 16];

    for (unsigned i = 0; translates(c) && i < count; i++)
        if (jit_dump(c, la[i], text, sizeof text)) {
            fprintf(out, "the translation:\n%s", text);
            return;
        }
}
#else
void test_engine_threshold(struct cpu *c, unsigned n)
{
}

void test_engine_traces(struct cpu *c, bool at_once)
{
}

void test_engine_windows(struct cpu *c, enum test_windows when)
{
}

void test_engine_disturb(struct cpu *c, u64 seed)
{
}

void test_engine_disturb_often(struct cpu *c, unsigned one_in, u64 seed)
{
}

void test_engine_show_code(struct cpu *c, const u32 *la, unsigned count, FILE *out)
{
}
#endif
