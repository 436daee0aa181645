/* The engines of this build by name; see engines.h. */
#include "devices/board/engines.h"

#include "base/types.h"
#include "cpu/engine.h"
#ifdef HAVE_JIT
#include "jit/jit.h"
#endif

#include <string.h>

const char *const engine_names[] = {
#ifdef HAVE_JIT
    "jit",
#endif
    "interp",
    NULL,
};

static const struct engine *const engines[] = {
#ifdef HAVE_JIT
    &engine_jit,
#endif
    &engine_interp,
};

const struct engine *engine_by_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(engines); i++)
        if (!strcmp(engines[i]->name, name))
            return engines[i];
    return NULL;
}
