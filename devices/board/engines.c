/* The engines of this build by name; see engines.h. */
#include "devices/board/engines.h"

#include "base/log.h"
#include "base/types.h"
#include "cpu/cpu.h"
#ifdef HAVE_JIT
#include "jit/jit.h"
#endif

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

const char *const engine_windows_names[] = {"auto", "off", "always", "paranoid", NULL};

const struct engine *engine_by_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(engines); i++)
        if (!strcmp(engines[i]->name, name))
            return engines[i];
    return NULL;
}

void engine_perf_map(struct cpu *c)
{
#ifdef HAVE_JIT
    if (c->engine == &engine_jit && !jit_perf_map(c))
        log_warn(c->log, "jit", "/tmp/perf-%d.map: %s; perf will know no names", (int)getpid(),
                 strerror(errno));
#endif
}

bool engine_windows(struct cpu *c, const char *name)
{
    unsigned i = 0;

    while (name && engine_windows_names[i] && strcmp(engine_windows_names[i], name) != 0)
        i++;
    if (!engine_windows_names[i])
        return false;
#ifdef HAVE_JIT
    static const enum jit_windows modes[] = {WINDOWS_AUTO, WINDOWS_OFF, WINDOWS_ALWAYS,
                                             WINDOWS_PARANOID};

    if (c->engine == &engine_jit)
        jit_windows_mode(c, modes[i]);
#endif
    return true;
}
