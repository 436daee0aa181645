/*
 * Symbols; see debug_symbols.h. Sources: "Tool Interface Standard (TIS) Executable and Linking
 * Format Specification" 1.2 and the ELF-64 Object File Format; Microsoft "PE Format": "COFF File
 * Header", "COFF Symbol Table", "The .edata Section". Maps: what nm, GNU ld, NASM, and the linkers
 * of Microsoft, Borland and Watcom print.
 * Not read: debugging information (DWARF, CodeView), 16-bit NE and OMF files.
 */
#include "devices/board/debug_symbols.h"

#include "base/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 << 20, NEAR_BYTES = 64 << 10, LINE_WORDS = 6 };

struct symbol {
    u64 address;
    char *name;
};

struct symbols {
    struct symbol *list; /* sorted by address */
    unsigned count, capacity;
};

struct symbols *symbols_new(void)
{
    return calloc(1, sizeof(struct symbols));
}

static void cut(struct symbols *s, unsigned count)
{
    while (s->count > count)
        free(s->list[--s->count].name);
}

void symbols_clear(struct symbols *s)
{
    cut(s, 0);
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    cut(s, 0);
    free(s->list);
    free(s);
}

unsigned symbols_count(const struct symbols *s)
{
    return s ? s->count : 0;
}

/* ---- Files ---- */

struct file {
    struct symbols *s;
    const u8 *data;
    size_t len;
    u64 base;
    bool full; /* no more room, or no memory */
    const char *error;
};

static bool has(const struct file *f, u64 at, u64 len)
{
    return at <= f->len && len <= f->len - at;
}

static bool good_name(const char *name, size_t len)
{
    if (!len || len > SYMBOL_NAME_MAX || isdigit((unsigned char)*name))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_@?.$", name[i]))
            return false;
    return true;
}

static void add(struct file *f, const char *name, size_t len, u64 address)
{
    struct symbols *s = f->s;
    char *copy;

    if (f->full || !good_name(name, len))
        return;
    if (s->count == s->capacity) {
        unsigned capacity = s->capacity ? s->capacity * 2 : 256;
        struct symbol *list =
            s->count < SYMBOLS_MAX ? realloc(s->list, capacity * sizeof *list) : NULL;

        f->full = !list;
        if (!list)
            return;
        s->list = list;
        s->capacity = capacity;
    }
    copy = strndup(name, len);
    f->full = !copy;
    if (copy)
        s->list[s->count++] = (struct symbol){address, copy};
}

/* A string in a table of the file, which may lack its final zero. */
static void add_from(struct file *f, u64 strings, u64 strings_len, u64 at, u64 address)
{
    const char *name;

    if (at >= strings_len || !has(f, strings, strings_len))
        return;
    name = (const char *)f->data + strings + at;
    add(f, name, strnlen(name, strings_len - at), address);
}

/* ---- ELF ---- */

enum {
    ELF_SYMTAB = 2,
    ELF_DYNSYM = 11,
    ELF_SECTION = 3, /* symbol types */
    ELF_FILE = 4,
    ELF_RELOCATABLE = 1,
};

struct elf_section {
    u32 type, link;
    u64 address, offset, size, entry;
};

static bool elf_section(const struct file *f, bool wide, u64 table, u32 index,
                        struct elf_section *out)
{
    u64 size = wide ? 64 : 40, at = table + index * size;
    const u8 *p = f->data + at;

    if (!has(f, at, size))
        return false;
    *out = (struct elf_section){
        .type = get_le32(p + 4),
        .address = wide ? get_le64(p + 16) : get_le32(p + 12),
        .offset = wide ? get_le64(p + 24) : get_le32(p + 16),
        .size = wide ? get_le64(p + 32) : get_le32(p + 20),
        .link = get_le32(p + (wide ? 40 : 24)),
        .entry = wide ? get_le64(p + 56) : get_le32(p + 36),
    };
    return has(f, out->offset, out->size);
}

static void elf_symbols(struct file *f, bool wide, u64 table, const struct elf_section *symtab)
{
    bool relocatable = get_le16(f->data + 16) == ELF_RELOCATABLE;
    u64 entry = wide ? 24 : 16;
    struct elf_section strings, home;

    if (!elf_section(f, wide, table, symtab->link, &strings))
        return;
    for (u64 at = symtab->offset; at + entry <= symtab->offset + symtab->size; at += entry) {
        const u8 *p = f->data + at;
        u8 type = p[wide ? 4 : 12] & 15;
        u16 section = get_le16(p + (wide ? 6 : 14));
        u64 value = wide ? get_le64(p + 8) : get_le32(p + 4);

        if (!section || type == ELF_SECTION || type == ELF_FILE)
            continue;
        if (relocatable && elf_section(f, wide, table, section, &home))
            value += home.address;
        add_from(f, strings.offset, strings.size, get_le32(p), value + f->base);
    }
}

static void load_elf(struct file *f)
{
    static const u32 wanted[] = {ELF_SYMTAB, ELF_DYNSYM};
    bool wide = f->len > 4 && f->data[4] == 2;
    unsigned sections, before = f->s->count;
    struct elf_section s;
    u64 table;

    if (!has(f, 0, wide ? 64 : 52) || f->data[5] != 1) {
        f->error = "an ELF file that is cut off or not little-endian";
        return;
    }
    table = wide ? get_le64(f->data + 40) : get_le32(f->data + 32);
    sections = get_le16(f->data + (wide ? 60 : 48));
    for (unsigned w = 0; w < ARRAY_LEN(wanted) && f->s->count == before; w++)
        for (unsigned i = 0; i < sections; i++)
            if (elf_section(f, wide, table, i, &s) && s.type == wanted[w])
                elf_symbols(f, wide, table, &s);
}

/* ---- PE ---- */

struct pe {
    u64 header, optional, sections;
    unsigned section_count;
    u64 image_base;
};

enum { PE_SECTION = 40, PE_SYMBOL = 18, PE_EXTERNAL = 2, PE_STATIC = 3, PE_LABEL = 6 };

static bool pe_open(struct file *f, struct pe *pe)
{
    u16 magic;

    pe->header = has(f, 0, 64) ? get_le32(f->data + 60) : 0;
    if (!pe->header || !has(f, pe->header, 24 + 112) || memcmp(f->data + pe->header, "PE\0", 4))
        return false;
    pe->optional = pe->header + 24;
    pe->section_count = get_le16(f->data + pe->header + 6);
    pe->sections = pe->optional + get_le16(f->data + pe->header + 20);
    magic = get_le16(f->data + pe->optional);
    pe->image_base = magic == 0x20B ? get_le64(f->data + pe->optional + 24)
                                    : get_le32(f->data + pe->optional + 28);
    if (f->base)
        pe->image_base = f->base;
    return has(f, pe->sections, (u64)pe->section_count * PE_SECTION);
}

/* Where in the file a relative virtual address is; the file's length if nowhere. */
static u64 pe_offset(const struct file *f, const struct pe *pe, u32 rva)
{
    for (unsigned i = 0; i < pe->section_count; i++) {
        const u8 *p = f->data + pe->sections + i * PE_SECTION;
        u32 start = get_le32(p + 12), size = get_le32(p + 16);

        if (rva >= start && rva - start < size)
            return (u64)get_le32(p + 20) + (rva - start);
    }
    return f->len;
}

static void pe_symbols(struct file *f, const struct pe *pe)
{
    u64 table = get_le32(f->data + pe->header + 12), count = get_le32(f->data + pe->header + 16);
    u64 strings = table + count * PE_SYMBOL;

    if (!table || !has(f, table, count * PE_SYMBOL))
        return;
    for (u64 i = 0; i < count; i++) {
        const u8 *p = f->data + table + i * PE_SYMBOL;
        u16 section = get_le16(p + 12);
        u64 address;

        i += p[17]; /* auxiliary records */
        if (!section || section > pe->section_count ||
            (p[16] != PE_EXTERNAL && p[16] != PE_STATIC && p[16] != PE_LABEL) || p[0] == '.')
            continue;
        address = pe->image_base + get_le32(p + 8) +
                  get_le32(f->data + pe->sections + (section - 1u) * PE_SECTION + 12);
        if (get_le32(p))
            add(f, (const char *)p, strnlen((const char *)p, 8), address);
        else if (has(f, strings, 4))
            add_from(f, strings, min_u64(get_le32(f->data + strings), f->len - strings),
                     get_le32(p + 4), address);
    }
}

static void pe_exports(struct file *f, const struct pe *pe)
{
    bool wide = get_le16(f->data + pe->optional) == 0x20B;
    u64 at = pe->optional + (wide ? 112 : 96), dir, functions, names, ordinals;
    u32 count, function_count;

    if (!has(f, at, 4))
        return;
    dir = pe_offset(f, pe, get_le32(f->data + at));
    if (!has(f, dir, 40))
        return;
    function_count = get_le32(f->data + dir + 20);
    count = get_le32(f->data + dir + 24);
    functions = pe_offset(f, pe, get_le32(f->data + dir + 28));
    names = pe_offset(f, pe, get_le32(f->data + dir + 32));
    ordinals = pe_offset(f, pe, get_le32(f->data + dir + 36));
    if (!has(f, functions, function_count * 4ull) || !has(f, names, count * 4ull) ||
        !has(f, ordinals, count * 2ull))
        return;
    for (u32 i = 0; i < count; i++) {
        u64 name = pe_offset(f, pe, get_le32(f->data + names + i * 4ull));
        u16 ordinal = get_le16(f->data + ordinals + i * 2ull);

        if (ordinal < function_count && name < f->len)
            add_from(f, name, f->len - name, 0,
                     pe->image_base + get_le32(f->data + functions + ordinal * 4ull));
    }
}

static void load_pe(struct file *f)
{
    struct pe pe;

    if (!pe_open(f, &pe)) {
        f->error = "an EXE file, but no PE file: load its map instead";
        return;
    }
    pe_symbols(f, &pe);
    pe_exports(f, &pe);
}

/* ---- Maps ---- */

struct word {
    const char *at;
    size_t len;
};

/* Hexadecimal digits, with 0x before them or not. */
static bool hex(const struct word *w, u64 *out)
{
    size_t i = w->len > 2 && w->at[0] == '0' && (w->at[1] | 32) == 'x' ? 2 : 0;

    if (i == w->len || w->len - i > 16)
        return false;
    *out = 0;
    for (; i < w->len; i++) {
        char c = (char)(w->at[i] | 32);

        if (!isxdigit((unsigned char)w->at[i]))
            return false;
        *out = *out << 4 | (u64)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool segment_offset(const struct word *w, u64 *out)
{
    const char *colon = memchr(w->at, ':', w->len);
    struct word seg, off;
    u64 s, o;

    if (!colon)
        return false;
    seg = (struct word){w->at, (size_t)(colon - w->at)};
    off = (struct word){colon + 1, w->len - seg.len - 1};
    if (!hex(&seg, &s) || !hex(&off, &o) || seg.len != 4)
        return false;
    *out = (s << 4) + o;
    return true;
}

/*
 * One line: "7C00 7C00 start" (NASM), "c0100000 T start" (nm), "0x7c00 start" (GNU ld), "0123:0004
 * _main" (DOS linkers, where "Abs" and "idle" may come before the name), "0001:00000123 _main
 * 00401123 f main.obj" (Microsoft, where the third word is the address).
 */
static void map_line(struct file *f, const struct word *w, unsigned count)
{
    u64 address, other;
    unsigned name = 1;

    if (count < 2)
        return;
    if (segment_offset(&w[0], &address)) {
        if (count > 2 && ((w[1].len == 3 && !memcmp(w[1].at, "Abs", 3)) ||
                          (w[1].len == 4 && !memcmp(w[1].at, "idle", 4))))
            name = 2;
        if (count > 2 && w[2].len == 8 && hex(&w[2], &other))
            address = other;
    } else if (hex(&w[0], &address)) {
        if (count == 3 && (w[1].len == 1 || hex(&w[1], &other)))
            name = 2;
        else if (count != 2)
            return;
    } else {
        return;
    }
    add(f, w[name].at, w[name].len, address + f->base);
}

static void load_map(struct file *f)
{
    const char *p = (const char *)f->data, *end = p + f->len;

    while (p < end) {
        struct word w[LINE_WORDS];
        unsigned count = 0;

        while (p < end && *p != '\n') {
            const char *start;

            while (p < end && *p != '\n' && isspace((unsigned char)*p))
                p++;
            for (start = p; p < end && !isspace((unsigned char)*p);)
                p++;
            if (p > start && count < LINE_WORDS)
                w[count++] = (struct word){start, (size_t)(p - start)};
        }
        p++;
        map_line(f, w, count);
    }
}

/* ---- All together ---- */

static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return strcmp(x->name, y->name);
}

int symbols_load(struct symbols *s, const u8 *data, size_t len, u64 base, char *err,
                 size_t err_size)
{
    struct file f = {.s = s, .data = data, .len = len, .base = base};
    unsigned before = s->count;

    if (len >= 4 && !memcmp(data,
                            "\x7F"
                            "ELF",
                            4))
        load_elf(&f);
    else if (len >= 2 && !memcmp(data, "MZ", 2))
        load_pe(&f);
    else
        load_map(&f);
    if (!f.error && f.full)
        f.error = "more symbols than there is room for";
    if (!f.error && s->count == before)
        f.error = "no symbols (wanted: ELF or PE with a symbol table, or a map)";
    if (f.error) {
        snprintf(err, err_size, "%s", f.error);
        cut(s, before);
        return -1;
    }
    before = s->count - before;
    qsort(s->list, s->count, sizeof *s->list, by_address);
    return (int)before;
}

int symbols_load_file(struct symbols *s, const char *path, u64 base, char *err, size_t err_size)
{
    FILE *file = fopen(path, "rb");
    u8 *data = NULL;
    size_t len = 0;
    char why[200];
    int n = -1;

    if (!file) {
        snprintf(err, err_size, "symbols: '%.160s': %s", path, strerror(errno));
        return -1;
    }
    if (!fseek(file, 0, SEEK_END) && ftell(file) >= 0 && ftell(file) <= FILE_MAX_BYTES) {
        len = (size_t)ftell(file);
        data = malloc(len + 1);
        rewind(file);
    }
    if (!data || fread(data, 1, len, file) != len)
        snprintf(err, err_size, "symbols: '%.160s': cannot be read, or longer than 64 MiB", path);
    else if ((n = symbols_load(s, data, len, base, why, sizeof why)) < 0)
        snprintf(err, err_size, "symbols: '%.160s': %s", path, why);
    free(data);
    fclose(file);
    return n;
}

bool symbols_find(const struct symbols *s, const char *name, u64 *address)
{
    for (unsigned i = 0; i < symbols_count(s); i++)
        if (!strcmp(s->list[i].name, name)) {
            *address = s->list[i].address;
            return true;
        }
    return false;
}

const char *symbols_at(const struct symbols *s, u64 address, u64 *offset)
{
    unsigned low = 0, high = symbols_count(s);

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (s->list[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || address - s->list[low - 1].address >= NEAR_BYTES)
        return NULL;
    *offset = address - s->list[low - 1].address;
    return s->list[low - 1].name;
}
