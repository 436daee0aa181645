/* set WHAT = EXPRESSION: registers, flags and memory. The log of inputs keeps what is written. */
#include "frontend/commands_debug.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "devices/board/machine.h"
#include "devices/board/registers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A name that can be set: bits [shift, shift + bits) of a register. */
struct settable {
    const char *name;
    u8 kind; /* enum register_kind */
    u8 n, shift, bits;
};

static const struct settable names[] = {
    {"eax", REGISTER_GPR, RAX, 0, 32},        {"ecx", REGISTER_GPR, RCX, 0, 32},
    {"edx", REGISTER_GPR, RDX, 0, 32},        {"ebx", REGISTER_GPR, RBX, 0, 32},
    {"esp", REGISTER_GPR, RSP, 0, 32},        {"ebp", REGISTER_GPR, RBP, 0, 32},
    {"esi", REGISTER_GPR, RSI, 0, 32},        {"edi", REGISTER_GPR, RDI, 0, 32},
    {"ax", REGISTER_GPR, RAX, 0, 16},         {"cx", REGISTER_GPR, RCX, 0, 16},
    {"dx", REGISTER_GPR, RDX, 0, 16},         {"bx", REGISTER_GPR, RBX, 0, 16},
    {"sp", REGISTER_GPR, RSP, 0, 16},         {"bp", REGISTER_GPR, RBP, 0, 16},
    {"si", REGISTER_GPR, RSI, 0, 16},         {"di", REGISTER_GPR, RDI, 0, 16},
    {"al", REGISTER_GPR, RAX, 0, 8},          {"cl", REGISTER_GPR, RCX, 0, 8},
    {"dl", REGISTER_GPR, RDX, 0, 8},          {"bl", REGISTER_GPR, RBX, 0, 8},
    {"ah", REGISTER_GPR, RAX, 8, 8},          {"ch", REGISTER_GPR, RCX, 8, 8},
    {"dh", REGISTER_GPR, RDX, 8, 8},          {"bh", REGISTER_GPR, RBX, 8, 8},
    {"eip", REGISTER_RIP, 0, 0, 32},          {"ip", REGISTER_RIP, 0, 0, 32},
    {"eflags", REGISTER_FLAGS, 0, 0, 32},     {"flags", REGISTER_FLAGS, 0, 0, 16},
    {"cf", REGISTER_FLAGS, 0, 0, 1},          {"pf", REGISTER_FLAGS, 0, 2, 1},
    {"af", REGISTER_FLAGS, 0, 4, 1},          {"zf", REGISTER_FLAGS, 0, 6, 1},
    {"sf", REGISTER_FLAGS, 0, 7, 1},          {"if", REGISTER_FLAGS, 0, 9, 1},
    {"df", REGISTER_FLAGS, 0, 10, 1},         {"of", REGISTER_FLAGS, 0, 11, 1},
    {"es", REGISTER_SELECTOR, SEG_ES, 0, 16}, {"cs", REGISTER_SELECTOR, SEG_CS, 0, 16},
    {"ss", REGISTER_SELECTOR, SEG_SS, 0, 16}, {"ds", REGISTER_SELECTOR, SEG_DS, 0, 16},
    {"fs", REGISTER_SELECTOR, SEG_FS, 0, 16}, {"gs", REGISTER_SELECTOR, SEG_GS, 0, 16},
    {"cr0", REGISTER_CONTROL, 0, 0, 32},      {"cr2", REGISTER_CONTROL, 2, 0, 32},
    {"cr3", REGISTER_CONTROL, 3, 0, 32},      {"cr4", REGISTER_CONTROL, 4, 0, 32},
    {"dr0", REGISTER_DEBUG, 0, 0, 32},        {"dr1", REGISTER_DEBUG, 1, 0, 32},
    {"dr2", REGISTER_DEBUG, 2, 0, 32},        {"dr3", REGISTER_DEBUG, 3, 0, 32},
    {"dr6", REGISTER_DEBUG, 6, 0, 32},        {"dr7", REGISTER_DEBUG, 7, 0, 32},
};

static u32 value_now(const struct cpu *c, const struct settable *s)
{
    switch (s->kind) {
    case REGISTER_GPR: return (u32)c->gpr[s->n];
    case REGISTER_RIP: return (u32)c->rip;
    case REGISTER_FLAGS: return (u32)cpu_flags(c);
    default: return 0;
    }
}

static bool set_register(struct command_context *c, const struct settable *s, u64 value,
                         struct text *out)
{
    u32 mask = s->bits == 32 ? UINT32_MAX : ((1u << s->bits) - 1) << s->shift;
    u32 old = value_now(machine_cpu(c->machine, 0), s);
    u8 raw[REGISTER_BYTES] = {0};

    put_le32(raw, (old & ~mask) | ((u32)value << s->shift & mask));
    if (machine_write_register(c->machine, (enum register_kind)s->kind, s->n, raw))
        return true;
    return text_fail(out, "%s cannot be set to that now: %s", s->name,
                     machine_takes_input(c->machine) ? register_refusal((enum register_kind)s->kind)
                                                     : "a recording plays");
}

/* "word ADDRESS", "word [ADDRESS]", "[ADDRESS]": how many bytes, and what is left; 0 if none. */
static unsigned memory_size(const struct cpu *c, char **text)
{
    static const char *const sizes[] = {"byte", "word", "dword", "qword"};
    unsigned bytes = c->mode & MODE_CODE_SIZE ? 4 : 2;
    bool named = false;
    size_t len;

    for (unsigned i = 0; i < ARRAY_LEN(sizes) && !named; i++) {
        len = strlen(sizes[i]);
        named = !strncasecmp(*text, sizes[i], len) && strchr(" [", (*text)[len]) && (*text)[len];
        if (named) {
            bytes = 1u << i;
            *text += len + strspn(*text + len, " ");
        }
    }
    len = strlen(*text);
    if (**text == '[' && (*text)[len - 1] == ']') {
        (*text)[len - 1] = 0;
        (*text)++;
        return bytes;
    }
    return named ? bytes : 0;
}

static bool set_memory(struct command_context *c, const char *where, unsigned bytes, u64 value,
                       struct text *out)
{
    u64 la;

    if (!command_evaluate(c, where, &la, out))
        return false;
    if (machine_write_linear(c->machine, (u32)la, &value, bytes) == bytes)
        return true;
    if (!machine_takes_input(c->machine))
        return text_fail(out, "memory cannot be changed now: a recording plays");
    return text_fail(out, "no memory at %08llx", (unsigned long long)(u32)la);
}

bool command_set(struct command_context *c, const struct command_line *line, struct text *out)
{
    char text[COMMAND_LINE_MAX], *what = text, *equals;
    unsigned bytes;
    u64 value;

    command_rest(line, 1, text);
    equals = strchr(text, '=');
    if (!equals || equals == text)
        return text_fail(
            out, "set REGISTER = EXPRESSION, or set [byte|word|dword] ADDRESS = EXPRESSION");
    *equals = 0;
    for (char *end = equals; end > text && isspace((unsigned char)end[-1]);)
        *--end = 0;
    if (!command_evaluate(c, equals + 1, &value, out))
        return false;
    what += *what == '$' || *what == '%';
    bytes = memory_size(machine_cpu(c->machine, 0), &what);
    if (bytes)
        return set_memory(c, what, bytes, value, out);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (!strcasecmp(what, names[i].name))
            return set_register(c, &names[i], value, out);
    return text_fail(out,
                     "'%.40s' is no register that can be set, nor memory (byte, word or dword "
                     "before its address)",
                     what);
}
