/* Fuzz target: what a terminal sends. Keys must be real ones, and nothing may stay half done. */
#include "frontend/terminal_keys.h"

#include "devices/host/input.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void on_stroke(void *opaque, struct typist_stroke s)
{
    if (!s.key || s.key > KEY_PAUSE || s.modifiers > (TYPIST_SHIFT | TYPIST_CTRL | TYPIST_ALT))
        abort();
    ++*(size_t *)opaque;
}

static void on_host(void *opaque)
{
    ++*(size_t *)opaque;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct terminal_keys keys;
    size_t strokes = 0, i;

    terminal_keys_init(&keys, on_stroke, on_host, &strokes);
    for (i = 0; i < size; i++)
        terminal_keys_feed(&keys, data[i]);
    terminal_keys_timeout(&keys);
    if (terminal_keys_pending(&keys) || strokes > size)
        abort();
    return 0;
}
