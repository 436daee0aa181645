/* Who did that: who-wrote. */
#include "frontend/commands_debug.h"

#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_memory.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/machine.h"
#include "devices/board/rewind.h"

#include <inttypes.h>
#include <string.h>

enum { ERR_BYTES = 400, PAGE = 4096, PHYSICAL_MOST = 1 << 20 };

static bool is_register(const char *word)
{
    static const char *const names[] = {
        "eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "ax", "bx", "cx", "dx",    "si",
        "di",  "bp",  "sp",  "al",  "ah",  "bl",  "bh",  "cl",  "ch", "dl", "dh", "cs",    "ds",
        "es",  "fs",  "gs",  "ss",  "cr0", "cr2", "cr3", "cr4", "cf", "zf", "if", "eflags"};

    word += *word == '$';
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(word, names[i]))
            return true;
    return false;
}

/*
 * What lies at a linear address now is meant, whoever wrote it by whatever address, and not what
 * other address spaces have there. Pages that are not one stretch of memory stay linear.
 */
static void look_at_physical(struct command_context *c, struct debug_point *p, struct text *out)
{
    struct cpu *cpu = machine_cpu(c->machine, 0);
    u64 first, gpa, end = p->address + p->length;

    if (p->length > PHYSICAL_MOST || p->address > UINT32_MAX ||
        !debug_to_physical(cpu, p->address, &first))
        return;
    for (u64 la = (p->address | (PAGE - 1)) + 1; la < end; la += PAGE)
        if (!debug_to_physical(cpu, la, &gpa) || gpa - first != la - p->address)
            return;
    if (first != p->address)
        text_addf(out, "%08" PRIx64 " is physical %08" PRIx64 "\n", p->address, first);
    p->address = first;
    p->space = DEBUG_PHYSICAL;
}

/* How many bytes a word before an address means, as in `watch`; 0: it is none. */
static unsigned size_word(const char *word)
{
    static const char *const sizes[] = {"byte", "word", "dword", "qword"};

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        if (!strcmp(word, sizes[i]))
            return 1u << i;
    return 0;
}

/* Memory or a port, as a point of the debugger. */
static bool wanted_point(struct command_context *c, const struct command_line *line,
                         struct debug_point *p, struct text *out)
{
    bool port = line->count > 2 && !strcmp(line->word[1], "port");
    unsigned size = line->count > 2 ? size_word(line->word[1]) : 0;
    const char *length = line->count > 2 && !port && !size ? line->word[2] : NULL;

    *p = (struct debug_point){.kind = port ? DEBUG_PORT : DEBUG_WATCH,
                              .owner = DEBUG_REPLAY,
                              .space = DEBUG_LINEAR,
                              .length = size ? size : 1,
                              .access = DEBUG_WRITE};
    if (!command_evaluate(c, line->word[port || size ? 2 : 1], &p->address, out) ||
        (length && !command_evaluate(c, length, &p->length, out)))
        return false;
    if (port && p->address > 0xFFFF)
        return text_fail(out, "ports are 0 to 0xFFFF");
    if (!port)
        look_at_physical(c, p, out);
    return true;
}

/* Who it was, by name if there are symbols. */
static void add_name(struct command_context *c, u64 la, struct text *out)
{
    struct debug *d = machine_debug(c->machine);
    char name[200];

    if (d && *debug_symbol_text(debug_symbols(d), la, name, sizeof name))
        text_addf(out, " <%s>", name);
}

static void add_found(struct command_context *c, const struct debug_stop *stop, struct text *out)
{
    u64 now = machine_instructions(c->machine);

    text_add(out, stop->text);
    add_name(c, stop->from_la, out);
    text_addf(out,
              "\n%" PRIu64 " instructions ago (instruction %" PRIu64 "); step-back %" PRIu64
              " goes before it\n",
              now - stop->count, stop->count, now - stop->count + 1);
}

/* The answer; true if somebody was found. */
static bool tell(struct command_context *c, enum rewind_found found, const struct debug_stop *stop,
                 const char *err, struct text *out)
{
    if (found == REWIND_FAILED)
        text_addf(out, "%s\n", err);
    else if (found == REWIND_NOT_FOUND)
        text_add(out, "nobody did, as far back as is known\n");
    else
        add_found(c, stop, out);
    return found == REWIND_FOUND;
}

/* ---- Pixels ---- */

bool command_dot(struct command_context *c, const char *x_word, const char *y_word,
                 struct display_dot *dot, struct text *out)
{
    u64 x, y;

    if (!command_evaluate(c, x_word, &x, out) || !command_evaluate(c, y_word, &y, out))
        return false;
    if (x <= UINT32_MAX && y <= UINT32_MAX && machine_locate(c->machine, (u32)x, (u32)y, dot))
        return true;
    return text_fail(
        out, "no memory is shown there; count as a screenshot does, from 0 at the top left");
}

/* A dot may have two: the writer of the character and that of its attribute. */
static bool who_pixel(struct command_context *c, const struct command_line *line, struct rewind *r,
                      struct text *out)
{
    struct debug_point point = {.kind = DEBUG_DOT, .owner = DEBUG_REPLAY};
    struct display_dot dot;
    struct debug_stop stop;
    char err[ERR_BYTES] = "";
    bool good = true;

    if (!command_dot(c, line->word[2], line->word[3], &dot, out))
        return false;
    text_addf(out, "%s\n", dot.text);
    for (unsigned i = 0; i < dot.count && good; i++) {
        enum rewind_found found;

        point.bits = dot.item[i].bits;
        text_addf(out, "%s: ", dot.item[i].name);
        found = rewind_last(r, &point, &stop, err, sizeof err);
        tell(c, found, &stop, err, out);
        good = found != REWIND_FAILED;
    }
    return good;
}

bool command_who_wrote(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct rewind *r = command_rewinder(c, out);
    char err[ERR_BYTES] = "";
    struct debug_point point;
    struct debug_stop stop;
    enum rewind_found found;

    if (!r)
        return false;
    if (!strcmp(line->word[1], "pixel") && line->count == 4)
        return who_pixel(c, line, r, out);
    if (line->count == 4)
        return text_fail(out, "who-wrote ADDRESS LENGTH, REGISTER, port N or pixel X Y");
    if (is_register(line->word[1]))
        found = rewind_last_change(r, line->word[1], &stop, err, sizeof err);
    else if (wanted_point(c, line, &point, out))
        found = rewind_last(r, &point, &stop, err, sizeof err);
    else
        return false;
    return tell(c, found, &stop, err, out);
}
