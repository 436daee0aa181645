/* A hostile guest: see hostile.h. The machine is reset between inputs. */
#include "devices/board/machine.h"
#include "tests/fuzz/hostile.h"
#include "tests/fuzz/lasting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine *m;

    if (!m)
        m = hostile_machine("pentium2");
    hostile_reset(m);
    hostile_guest(m, data, size);
    hostile_run(m, 20000000, 100000);
    return 0;
}
