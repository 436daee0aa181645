/*
 * Memory as numbers, characters or instructions: x/NF and xp/NF, where N counts items and F is a
 * format (x d u o c i) and a size (b h w g: 1, 2, 4, 8 bytes), as in gdb. A format is kept until
 * the next; without an address the dump goes on where the last one ended.
 */
#include "frontend/commands.h"

#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "devices/board/debug.h"
#include "devices/board/debug_disasm.h"
#include "devices/board/debug_symbols.h"
#include "devices/board/machine.h"
#include "frontend/commands_debug.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DUMP_MAX_ITEMS = 65536, LINE_BYTES = 16 };

bool dump_format_parse(const char *text, struct dump_format *out)
{
    *out = (struct dump_format){0};
    for (; *text >= '0' && *text <= '9'; text++) {
        out->count = out->count * 10 + (u32)(*text - '0');
        if (out->count > DUMP_MAX_ITEMS)
            return false;
    }
    for (; *text; text++) {
        if (strchr("xduoci", *text) && !out->format)
            out->format = *text;
        else if (strchr("bhwg", *text) && !out->size)
            out->size = *text;
        else
            return false;
    }
    return true;
}

static unsigned size_bytes(char size)
{
    return size == 'b' ? 1 : size == 'h' ? 2 : size == 'g' ? 8 : 4;
}

struct dump {
    struct machine *machine;
    struct text *out;
    bool physical;
    u64 at;
    char format;
    unsigned item; /* bytes */
};

static size_t read_memory(struct dump *d, void *data, size_t len)
{
    return d->physical ? machine_read_physical(d->machine, d->at, data, len)
                       : machine_read_linear(d->machine, d->at, data, len);
}

static void add_item(struct dump *d, const u8 *bytes)
{
    unsigned bits = d->item * 8;
    u64 v = 0;
    s64 sv;

    memcpy(&v, bytes, d->item); /* hosts are little-endian, as guests are */
    sv = (s64)(v << (64 - bits)) >> (64 - bits);
    switch (d->format) {
    case 'd': text_addf(d->out, " %*" PRId64, (int)d->item * 5 / 2 + 2, sv); break;
    case 'u': text_addf(d->out, " %*" PRIu64, (int)d->item * 5 / 2 + 1, v); break;
    case 'o': text_addf(d->out, " %0*" PRIo64, (int)(bits + 2) / 3, v); break;
    case 'c':
        text_addf(d->out, v >= 0x20 && v < 0x7F ? " '%c'" : " %3u", (unsigned)(v & 0xFF));
        break;
    default: text_addf(d->out, " 0x%0*" PRIx64, (int)d->item * 2, v);
    }
}

static bool dump_items(struct dump *d, u32 count)
{
    u32 per_line = LINE_BYTES / d->item, n;
    u8 bytes[LINE_BYTES];
    unsigned i;

    while (count) {
        n = count < per_line ? count : per_line;
        if (read_memory(d, bytes, n * d->item) != n * d->item) {
            text_addf(d->out, "no memory at %08" PRIx64 "\n", d->at);
            return false;
        }
        text_addf(d->out, "%08" PRIx64 ":", d->at);
        for (i = 0; i < n; i++)
            add_item(d, bytes + i * d->item);
        text_add(d->out, "\n");
        d->at += n * d->item;
        count -= n;
    }
    return true;
}

/* The address as branches count it: in 16-bit code the offset in CS, if it is in there. */
static u64 branch_address(const struct dump *d, const struct cpu *c)
{
    u64 offset = d->at - c->seg[SEG_CS].base;

    return (c->mode & MODE_CODE_SIZE) == CODE16 && offset <= 0xFFFF ? offset : d->at;
}

static bool dump_code(struct dump *d, u32 count)
{
    const struct cpu *c = machine_cpu(d->machine, 0);
    struct debug *debug = machine_debug(d->machine);
    const struct symbols *symbols = debug ? debug_symbols(debug) : NULL;
    u8 bytes[INSN_MAX_BYTES];
    char text[DISASM_TEXT], name[80], hex[2 * INSN_MAX_BYTES + 1];
    unsigned size, i;
    size_t got;
    u64 offset;

    while (count--) {
        got = read_memory(d, bytes, sizeof bytes);
        if (!got) {
            text_addf(d->out, "no memory at %08" PRIx64 "\n", d->at);
            return false;
        }
        size = debug_disassemble(c, symbols, bytes, got, branch_address(d, c), d->at, text,
                                 sizeof text);
        if (!size) {
            size = 1;
            snprintf(text, sizeof text, "(none)");
        }
        for (i = 0; i < size; i++)
            snprintf(hex + i * 2, sizeof hex - i * 2, "%02x", bytes[i]);
        if (!d->physical && symbols_at(symbols, d->at, &offset) && !offset)
            text_addf(d->out, "%s:\n", debug_symbol_text(symbols, d->at, name, sizeof name));
        text_addf(d->out, "%08" PRIx64 ":  %-22s %s\n", d->at, hex, text);
        d->at += size;
    }
    return true;
}

bool command_dump(struct command_context *c, const struct command_line *line, struct text *out)
{
    struct dump d = {.machine = c->machine, .out = out};
    bool apart = line->count > 1 && line->word[1][0] == '/'; /* x /8xw */
    unsigned address = apart ? 2 : 1;
    const char *slash = apart ? line->word[1] : strchr(line->word[0], '/');
    struct dump_format f = {0};
    bool good;

    d.physical = line->word[0][1] == 'p';
    if (slash && !dump_format_parse(slash + 1, &f))
        return text_fail(out,
                         "'%.20s' is no count (to %d) with a format (x d u o c i) and a size "
                         "(b h w g)",
                         slash, DUMP_MAX_ITEMS);
    d.at = c->dump_next;
    if (line->count > address && !command_evaluate(c, line->word[address], &d.at, out))
        return false;
    c->dump_format = f.format ? f.format : c->dump_format ? c->dump_format : 'x';
    c->dump_size = f.size ? f.size : f.format == 'c' ? 'b' : c->dump_size ? c->dump_size : 'w';
    d.format = c->dump_format;
    d.item = size_bytes(c->dump_size);
    good = d.format == 'i' ? dump_code(&d, f.count ? f.count : 1)
                           : dump_items(&d, f.count ? f.count : 1);
    c->dump_next = d.at;
    return good;
}
