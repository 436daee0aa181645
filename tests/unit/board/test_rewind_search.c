/*
 * Searches of the past against a run that saw everything: a guest with paging writes all over its
 * memory, at two linear addresses of the same pages, whose tables it changes meanwhile.
 */
#include "devices/board/rewind.h"

#include "base/bytes.h"
#include "devices/board/engines.h"
#include "devices/board/machine_private.h"
#include "devices/board/rewind_store.h"
#include "tests/fuzz/bare_machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

enum {
    GUEST = 0x1100,
    GDT_POINTER = 0x2100,
    GDT = 0x2200,
    DIRECTORY = 0x3000,
    TABLE = 0x4000,       /* of the lowest 4 MiB: one to one */
    ALIAS_TABLE = 0x5000, /* of the next: pages PAGES to 0 */
    PAGES_AT = 0x20000,
    ALIAS_AT = 0x400000,
    PAGES = 8,
    RUN_MS = 1500,
    WATCHED = 6,
    TRIALS = 30,
};

/*
 * bits 16
 *         cli
 *         o32 lgdt [0x2100]
 *         mov eax, 0x3000
 *         mov cr3, eax
 *         mov eax, 0x80000001
 *         mov cr0, eax
 *         jmp dword 8:flat
 * bits 32
 * flat:   mov ax, 0x10
 *         mov ds, ax
 *         mov es, ax
 *         xor esi, esi
 * again:  imul eax, eax, 0x41C64E6D
 *         add eax, 12345
 *         mov ebx, eax
 *         shr ebx, 8
 *         and ebx, 0xFFF
 *         mov ecx, esi
 *         shr ecx, 15
 *         and ecx, 7
 *         shl ecx, 12
 *         add ebx, ecx
 *         mov edx, eax
 *         shr edx, 30
 *         bt eax, 29
 *         jc alias
 *         mov [0x20000+ebx], dl
 *         jmp next
 * alias:  mov ecx, [0x400000+ebx]
 *         mov [0x400000+ebx], edx
 * next:   inc esi
 *         test esi, 0xFF
 *         jnz again
 *         in al, 0x40
 *         test esi, 0xFFFF
 *         jnz again
 *         xor dword [0x501C], 0x10000
 *         invlpg [0x407000]
 *         mov edi, 0x25FF8
 *         mov ecx, 16
 *         rep stosb
 *         jmp again
 */
static const u8 guest[] = {
    0xFA, 0x66, 0x0F, 0x01, 0x16, 0x00, 0x21, 0x66, 0xB8, 0x00, 0x30, 0x00, 0x00, 0x0F, 0x22, 0xD8,
    0x66, 0xB8, 0x01, 0x00, 0x00, 0x80, 0x0F, 0x22, 0xC0, 0x66, 0xEA, 0x21, 0x11, 0x00, 0x00, 0x08,
    0x00, 0x66, 0xB8, 0x10, 0x00, 0x8E, 0xD8, 0x8E, 0xC0, 0x31, 0xF6, 0x69, 0xC0, 0x6D, 0x4E, 0xC6,
    0x41, 0x05, 0x39, 0x30, 0x00, 0x00, 0x89, 0xC3, 0xC1, 0xEB, 0x08, 0x81, 0xE3, 0xFF, 0x0F, 0x00,
    0x00, 0x89, 0xF1, 0xC1, 0xE9, 0x0F, 0x83, 0xE1, 0x07, 0xC1, 0xE1, 0x0C, 0x01, 0xCB, 0x89, 0xC2,
    0xC1, 0xEA, 0x1E, 0x0F, 0xBA, 0xE0, 0x1D, 0x72, 0x08, 0x88, 0x93, 0x00, 0x00, 0x02, 0x00, 0xEB,
    0x0C, 0x8B, 0x8B, 0x00, 0x00, 0x40, 0x00, 0x89, 0x93, 0x00, 0x00, 0x40, 0x00, 0x46, 0xF7, 0xC6,
    0xFF, 0x00, 0x00, 0x00, 0x75, 0xB5, 0xE4, 0x40, 0xF7, 0xC6, 0xFF, 0xFF, 0x00, 0x00, 0x75, 0xAB,
    0x81, 0x35, 0x1C, 0x50, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x0F, 0x01, 0x3D, 0x00, 0x70, 0x40,
    0x00, 0xBF, 0xF8, 0x5F, 0x02, 0x00, 0xB9, 0x10, 0x00, 0x00, 0x00, 0xF3, 0xAA, 0xEB, 0x8C,
};

/* A stop of the run that saw everything. */
struct seen {
    int point;
    u64 count, from_la, value;
};

static struct debug_point watched[WATCHED];
static struct seen *seen;
static size_t seen_count, seen_room;
static u64 seed;
static char err[400];

/* Knuth's. */
static u32 some(u32 below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(seed >> 33) % below;
}

static void write32(struct machine *m, u64 gpa, u32 value)
{
    u8 bytes[4];

    put_le32(bytes, value);
    machine_write_physical(m, gpa, bytes, sizeof bytes);
}

static void map(struct machine *m)
{
    write32(m, DIRECTORY, TABLE | 3);
    write32(m, DIRECTORY + 4, ALIAS_TABLE | 3);
    for (u32 i = 0; i < BARE_RAM >> 12; i++)
        write32(m, TABLE + 4 * i, i << 12 | 3);
    for (u32 i = 0; i <= PAGES; i++)
        write32(m, ALIAS_TABLE + 4 * i, (PAGES_AT + ((PAGES - i) << 12)) | 3);
    write32(m, GDT_POINTER, 23 | GDT << 16);
    write32(m, GDT_POINTER + 4, 0);
    write32(m, GDT + 8, 0x0000FFFF);
    write32(m, GDT + 12, 0x00CF9A00);
    write32(m, GDT + 16, 0x0000FFFF);
    write32(m, GDT + 20, 0x00CF9200);
}

static struct machine *build(const char *engine, unsigned mips)
{
    struct machine_config config;
    struct machine *m;
    u32 at;

    bare_machine_config(&config);
    config.engine = engine;
    config.speed_mips = mips;
    m = machine_new(&config, err, sizeof err);
    cr_assert(m, "%s", err);
    at = bare_machine_prepare(m);
    machine_write_physical(m, at, "\xE9", 1);
    write32(m, at + 1, GUEST - at - 3);
    machine_write_physical(m, GUEST, guest, sizeof guest);
    map(m);
    return m;
}

static void choose_points(void)
{
    for (unsigned i = 0; i < WATCHED; i++) {
        u32 page = some(PAGES + 1) << 12, byte = some(PAGES) * 512 + i * 64;
        bool physical = i & 1;

        watched[i] = (struct debug_point){
            .kind = DEBUG_WATCH,
            .space = physical ? DEBUG_PHYSICAL : DEBUG_LINEAR,
            .address = (physical || i & 2 ? PAGES_AT : ALIAS_AT) + page + byte,
            .length = 1 + some(8),
            .access = DEBUG_WRITE,
        };
    }
}

static bool note(void *opaque, const struct debug_stop *stop)
{
    if (seen_count == seen_room) {
        seen_room = 2 * seen_room + 1024;
        seen = realloc(seen, seen_room * sizeof *seen);
        cr_assert(seen);
    }
    seen[seen_count++] = (struct seen){stop->point, stop->count, stop->from_la, stop->value};
    return false;
}

/* Each hit of each point in a run from the start, without a past. */
static void see_everything(const char *engine, unsigned mips)
{
    struct machine *m = build(engine, mips);
    struct debug *d = machine_debug(m);

    for (unsigned i = 0; i < WATCHED; i++)
        cr_assert_eq(debug_point_add(d, &watched[i]), (int)i + 1);
    seen_count = 0;
    debug_set_filter(d, note, NULL);
    cr_assert_eq(machine_run(m, RUN_MS * MS), MACHINE_TIME);
    machine_free(m);
}

/* The last one of a point at a count below `below`, NULL if there is none. */
static const struct seen *last_seen(int point, u64 below)
{
    for (size_t i = seen_count; i-- > 0;)
        if (seen[i].point == point && seen[i].count < below)
            return &seen[i];
    return NULL;
}

static void check_stop(const struct seen *s, enum rewind_found found, const struct debug_stop *stop)
{
    cr_assert_eq(found, s ? REWIND_FOUND : REWIND_NOT_FOUND, "%s", err);
    if (!s)
        return;
    cr_assert_eq(stop->count, s->count);
    cr_assert_eq(stop->from_la, s->from_la);
    cr_assert_eq(stop->value, s->value);
}

static void who_wrote(struct machine *m, unsigned i)
{
    struct debug_point p = watched[i];
    u64 hash = machine_state_hash(m), count = machine_instructions(m);
    struct debug_stop stop;
    enum rewind_found found;

    p.owner = DEBUG_REPLAY;
    found = rewind_last(machine_rewind(m), &p, &stop, err, sizeof err);
    check_stop(last_seen((int)i + 1, count + 1), found, &stop);
    cr_assert_eq(machine_state_hash(m), hash, "the machine is where it was");
}

/* To the last two, one after the other. */
static void continue_back(struct machine *m, unsigned i)
{
    struct debug *d = machine_debug(m);
    int id = debug_point_add(d, &watched[i]);

    for (unsigned k = 0; k < 2; k++) {
        const struct seen *s = last_seen((int)i + 1, machine_instructions(m));
        enum rewind_found found = rewind_continue_back(machine_rewind(m), err, sizeof err);

        check_stop(s, found, debug_last_stop(d));
        if (s)
            cr_assert_eq(machine_instructions(m), s->count);
    }
    debug_point_remove(d, id);
}

static void search(const char *engine, unsigned mips, u64 first_seed, size_t limit)
{
    struct rewind_status status;
    struct machine *m;

    seed = first_seed;
    choose_points();
    see_everything(engine, mips);
    cr_assert_gt(seen_count, WATCHED);
    m = build(engine, mips);
    cr_assert(machine_rewind_start(m, limit, err, sizeof err), "%s", err);
    cr_assert_eq(machine_run(m, RUN_MS * MS), MACHINE_TIME);
    rewind_get_status(machine_rewind(m), &status);
    for (unsigned i = 0; i < TRIALS; i++) {
        u64 span = status.newest_count - status.oldest_count;

        if (i % 3 == 0)
            cr_assert(rewind_to_present(machine_rewind(m), err, sizeof err), "%s", err);
        if (i % 3 == 1)
            cr_assert(rewind_to_count(machine_rewind(m),
                                      status.newest_count - span * some(1000) / 1000, err,
                                      sizeof err),
                      "%s", err);
        if (some(2))
            who_wrote(m, some(WATCHED));
        else
            continue_back(m, some(WATCHED));
    }
    machine_free(m);
    free(seen);
    seen = NULL;
    seen_room = 0;
}

static void on_each_engine(u64 first_seed, size_t limit)
{
    for (const char *const *name = engine_names; *name; name++)
        search(*name, 10, first_seed, limit);
}

TestSuite(rewind_search, .timeout = 120);

Test(rewind_search, finds_what_a_run_that_saw_everything_found)
{
    on_each_engine(1, 64 << 20);
    on_each_engine(2, 64 << 20);
}

Test(rewind_search, and_where_snapshots_have_become_rare)
{
    on_each_engine(3, 900 << 10);
}

/* So long that the way between two snapshots is gone in pieces. */
Test(rewind_search, and_between_those_too)
{
    search(engine_names[0], 100, 4, 900 << 10);
}
