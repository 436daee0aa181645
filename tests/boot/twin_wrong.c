/*
 * An interpreter with a mistake in one instruction: what the twin's own test looks for. The
 * instruction with which the count reaches `wrong_at` flips a bit of DR0, once.
 */
#include "tests/boot/twin.h"

#include "cpu/cpu.h"

static u64 wrong_at;

static enum engine_stop wrong_run(struct cpu *c, u64 until)
{
    bool before = c->count < wrong_at;
    enum engine_stop why = engine_interp.run(c, before ? min_u64(until, wrong_at) : until);

    if (!before || c->count < wrong_at)
        return why;
    c->dr[0] ^= 0x10; /* firmware leaves it alone, so the mistake stays */
    return why == ENGINE_COUNT ? engine_interp.run(c, until) : why;
}

static bool wrong_attach(struct cpu *c)
{
    return engine_interp.attach(c);
}

static void wrong_detach(struct cpu *c)
{
    engine_interp.detach(c);
}

static void wrong_flush(struct cpu *c)
{
    engine_interp.flush(c);
}

static const struct engine engine_wrong = {"wrong", wrong_attach, wrong_detach, wrong_run,
                                           wrong_flush};

void twin_make_wrong(struct machine *m, u64 count)
{
    wrong_at = count;
    machine_cpu(m, 0)->engine = &engine_wrong;
}
