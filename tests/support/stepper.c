/* The stepper as an engine; see stepper.h. */
#include "tests/support/stepper.h"

#include "cpu/cpu.h"
#include "cpu/engine.h"
#include "cpu/fpu.h"

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

static void stepper_flush(struct cpu *c)
{
    engine_interp.flush(c);
}

static void stepper_detach(struct cpu *c)
{
    engine_interp.detach(c);
}

static const struct engine stepper = {
    .name = "stepper",
    .detach = stepper_detach,
    .run = stepper_run,
    .flush = stepper_flush,
};

void stepper_take(struct cpu *c)
{
    c->engine = &stepper;
}

void stepper_give_back(struct cpu *c)
{
    c->engine = &engine_interp;
}
