/* Values and names: print, symbols. */
#include "frontend/commands_debug.h"

#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/machine.h"
#include "frontend/expression.h"

#include <inttypes.h>
#include <string.h>

bool command_print(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    char text[COMMAND_LINE_MAX], err[200], name[200];
    u64 value;

    if (!d)
        return false;
    if (!expression_eval(command_rest(line, 1, text), c->machine, &value, err, sizeof err)) {
        text_addf(out, "%s\n", err);
        return false;
    }
    text_addf(out, "0x%" PRIx64 "  %" PRIu64, value, value);
    if (value >= 0x20 && value < 0x7F)
        text_addf(out, "  '%c'", (char)value);
    if (*debug_symbol_text(debug_symbols(d), value, name, sizeof name))
        text_addf(out, "  %s", name);
    text_add(out, "\n");
    return true;
}

static bool load_symbols(struct command_context *c, const struct command_line *line,
                         struct symbols *s, struct text *out)
{
    char err[300];
    u64 base = 0;
    int n;

    if (line->count > 3 && !expression_eval(line->word[3], c->machine, &base, err, sizeof err)) {
        text_addf(out, "%s\n", err);
        return false;
    }
    n = symbols_load_file(s, line->word[2], base, err, sizeof err);
    if (n < 0)
        text_addf(out, "%s\n", err);
    else
        text_addf(out, "%d symbols\n", n);
    return n >= 0;
}

bool command_symbols(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct debug *d = command_debugger(c, out);
    struct symbols *s = d ? debug_symbols(d) : NULL;

    if (!s)
        return false;
    if (line->count == 1) {
        text_addf(out, "%u symbols\n", symbols_count(s));
        return true;
    }
    if (!strcmp(line->word[1], "clear") && line->count == 2) {
        symbols_clear(s);
        return true;
    }
    if (!strcmp(line->word[1], "load") && line->count > 2)
        return load_symbols(c, line, s, out);
    text_add(out, "symbols load FILE [BASE], symbols clear, or symbols alone to count them\n");
    return false;
}
