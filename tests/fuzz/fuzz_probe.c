/* Any bytes of any size: frontend/probe.c answers within its buffers. */
#include "frontend/probe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const u64 sizes[] = {0, 1440 << 10, 20 << 20, 1ull << 40};
    struct probe probe;
    unsigned i;

    if (size > PROBE_BYTES)
        size = PROBE_BYTES;
    for (i = 0; i < ARRAY_LEN(sizes); i++) {
        probe_bytes(data, size, size + sizes[i], &probe);
        if (memchr(probe.why, 0, sizeof probe.why) == NULL)
            abort();
    }
    return 0;
}
