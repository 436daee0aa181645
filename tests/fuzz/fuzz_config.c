/* Any text as a configuration file; what is taken prints and reads back the same. */
#include "frontend/options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o;
    char err[256], *text, *again;

    options_init(&o);
    if (options_config(&o, "fuzz", (const char *)data, size, err, sizeof err)) {
        options_free(&o);
        return 0;
    }
    text = options_print_config(&o);
    options_free(&o);
    options_init(&o);
    if (options_config(&o, "fuzz", text, strlen(text), err, sizeof err))
        abort();
    again = options_print_config(&o);
    /* Values that cannot be written are comments, and gone from the second print. */
    if (!strstr(text, "this value must be given") && strcmp(text, again))
        abort();
    free(text);
    free(again);
    options_free(&o);
    return 0;
}
