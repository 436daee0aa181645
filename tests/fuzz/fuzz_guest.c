/* A hostile guest: see hostile.h. The machine is reset between inputs. */
#include "devices/board/machine.h"
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

    if (!m)
        m = hostile_machine("pentium2");
    hostile_reset(m);
    hostile_guest(m, data, size);
    hostile_run(m, 20000000, 100000);
    return 0;
}
