/* Any text as a script. */
#include "frontend/script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[256] = "";
    struct script *s = script_parse("dir/fuzz", (const char *)data, size, err, sizeof err);

    if (!s && !strstr(err, "line "))
        abort();
    script_free(s);
    return 0;
}
