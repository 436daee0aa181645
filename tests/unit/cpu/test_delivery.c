/*
 * When things happen, to the instruction: DESIGN's rules of counting and delivery, run by the
 * stepper and by the interpreter's decoded runs.
 */
#include "tests/support/cpu_rig.h"

#include "cpu/engine.h"

#include <criterion/criterion.h>

static struct cpu_rig rig;

static void setup(void)
{
    cpu_rig_setup(&rig, "pentium2");
}

static void teardown(void)
{
    cpu_rig_teardown(&rig);
}

TestSuite(delivery, .init = setup, .fini = teardown);

/* The handler of #UD is an undefined instruction itself. */
Test(delivery, faults_without_end_take_time)
{
    struct cpu *c = rig.cpu;

    cpu_rig_real(&rig);
    cpu_rig_code(&rig, AT_CODE, "0F 0B");
    cpu_rig_code(&rig, AT_HANDLERS + VEC_UD * 16, "0F 0B");
    cr_assert_eq(c->engine->run(c, 100), ENGINE_COUNT);
    cr_assert_eq(c->count, 100);
}
