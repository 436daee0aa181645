/* Engines by name. */
#include "devices/board/engines.h"

#include "cpu/engine.h"
#include "devices/board/machine.h"

#include <criterion/criterion.h>
#include <string.h>

Test(engines, each_name_leads_to_the_engine_that_has_it)
{
    for (const char *const *name = engine_names; *name; name++) {
        const struct engine *e = engine_by_name(*name);

        cr_assert(e, "%s", *name);
        cr_assert_str_eq(e->name, *name);
    }
}

Test(engines, the_interpreter_is_always_there)
{
    cr_assert_eq(engine_by_name("interp"), &engine_interp);
}

Test(engines, a_name_that_nobody_has_leads_nowhere)
{
    cr_assert_null(engine_by_name("stepper"));
}

Test(engines, a_machine_with_an_unknown_engine_is_refused)
{
    struct machine_config config = {.mem_bytes = 1 << 20, .cpu = "486", .engine = "steam"};
    char err[256] = "";

    cr_assert_null(machine_new(&config, err, sizeof err));
    cr_assert(strstr(err, "steam"), "%s", err);
}

Test(engines, a_machine_with_an_unknown_way_to_reach_memory_is_refused)
{
    struct machine_config config = {
        .mem_bytes = 1 << 20, .cpu = "486", .engine = "interp", .windows = "open"};
    char err[256] = "";

    cr_assert_null(machine_new(&config, err, sizeof err));
    cr_assert(strstr(err, "always"), "%s", err);
}

Test(engines, each_way_to_reach_memory_is_taken_by_each_engine)
{
    for (const char *const *name = engine_names; *name; name++)
        for (unsigned i = 0; i == 0 || engine_windows_names[i - 1]; i++) {
            struct machine_config config = {.mem_bytes = 1 << 20,
                                            .cpu = "486",
                                            .engine = *name,
                                            .windows = engine_windows_names[i]};
            char err[256] = "";
            struct machine *m = machine_new(&config, err, sizeof err);

            cr_assert(m, "%s", err);
            cr_assert_eq(machine_run(m, 1000000), MACHINE_TIME);
            machine_free(m);
        }
}
