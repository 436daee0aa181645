/* Saved machines with damage: see damage.h. */
#include "devices/board/machine.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/hostile.h"
#include "tests/fuzz/lasting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine *m;
    struct damage_result result;

    if (!m)
        m = hostile_machine("pentium2");
    damage_round(m, data, size, &result);
    return 0;
}
