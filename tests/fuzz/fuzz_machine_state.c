/* Saved machines with damage: see damage.h. */
#include "devices/board/machine.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/hostile.h"

const char *__asan_default_options(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The machine lives until the end, partly in mapped memory where the leak finder does not look. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine *m;
    struct damage_result result;

    if (!m)
        m = hostile_machine("pentium2");
    damage_round(m, data, size, &result);
    return 0;
}
