#include "frontend/expression.h"

#include "devices/board/debug.h"
#include "devices/board/debug_expr.h"
#include "devices/board/machine.h"

bool expression_eval(const char *text, struct machine *machine, u64 *out, char *err,
                     size_t err_size)
{
    struct debug *d = machine ? machine_debug(machine) : NULL;

    return debug_eval(text, d ? debug_symbols(d) : NULL, machine ? machine_cpu(machine, 0) : NULL,
                      out, err, err_size);
}
