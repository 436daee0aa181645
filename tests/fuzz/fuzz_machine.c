/*
 * A guest that does anything to any chip: the input becomes a program of port and memory accesses
 * (chip registers included), waits, and now and then its own bytes as instructions. It runs on a
 * whole machine. Nothing may crash or hang, and the machine must be able to save itself after it.
 *
 * An input is a list of six-byte steps: what, port or address (2), value (2), spare.
 */
#include "base/bytes.h"
#include "base/state.h"
#include "devices/board/machine.h"
#include "tests/fuzz/bare_machine.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES = 6, STEPS_MAX = 600, CODE_MAX = 24 << 10, RUN_NS = 400000, PARTS = 8 };

struct program {
    u8 code[CODE_MAX];
    size_t len;
};

/* First port and how many follow. */
static const u16 ports[][2] = {
    {0x000, 16},  {0x020, 2},   {0x040, 4},   {0x060, 5},  {0x070, 4},  {0x080, 16}, {0x092, 1},
    {0x0A0, 2},   {0x0B2, 2},   {0x0C0, 32},  {0x0E9, 1},  {0x0F0, 2},  {0x170, 8},  {0x1CE, 3},
    {0x1F0, 8},   {0x2F8, 8},   {0x376, 1},   {0x378, 3},  {0x3B4, 8},  {0x3C0, 32}, {0x3F0, 8},
    {0x3F8, 8},   {0x402, 1},   {0x4D0, 2},   {0x510, 12}, {0x600, 64}, {0x700, 16}, {0xCF8, 8},
    {0xB000, 64}, {0xB100, 16}, {0xC000, 16},
};
static const u32 memory[] = {0xA0000,    0xB0000,    0xB8000,    0xC0000,    0xE0000,    0xF0000,
                             0xFEC00000, 0xFED00000, 0xFEE00000, 0xFD000000, 0xE0000000, 0x8000};

static void emit(struct program *p, const void *bytes, size_t len)
{
    if (p->len + len <= CODE_MAX)
        memcpy(p->code + p->len, bytes, len);
    p->len += len;
}

static u16 port_of(u16 where)
{
    const u16 *range = ports[(where & 0xFF) % ARRAY_LEN(ports)];

    return (u16)(range[0] + (where >> 8) % range[1]);
}

static void emit_out(struct program *p, u16 port, unsigned size, u32 value)
{
    static const u8 out[][2] = {{0xEE, 0x90}, {0xEF, 0x90}, {0x66, 0xEF}};
    u8 set[9] = {0xBA, (u8)port, (u8)(port >> 8), 0x66, 0xB8}; /* mov dx, port; mov eax, value */

    put_le32(set + 5, value);
    emit(p, set, sizeof set);
    emit(p, out[size], 2);
}

static void emit_in(struct program *p, u16 port, unsigned size)
{
    static const u8 in[][2] = {{0xEC, 0x90}, {0xED, 0x90}, {0x66, 0xED}};
    u8 set[3] = {0xBA, (u8)port, (u8)(port >> 8)};

    emit(p, set, sizeof set);
    emit(p, in[size], 2);
}

static void emit_store(struct program *p, u32 address, unsigned size, u32 value)
{
    static const u8 store[][5] = {{0x64, 0x67, 0x88, 0x07, 0x90},
                                  {0x64, 0x67, 0x89, 0x07, 0x90},
                                  {0x64, 0x66, 0x67, 0x89, 0x07}};
    u8 set[12] = {0x66, 0xBF, 0, 0, 0, 0, 0x66, 0xB8}; /* mov edi, address; mov eax, value */

    put_le32(set + 2, address);
    put_le32(set + 8, value);
    emit(p, set, sizeof set);
    emit(p, store[size], 5);
}

static void emit_load(struct program *p, u32 address)
{
    u8 load[11] = {0x66, 0xBF, 0, 0, 0, 0, 0x64, 0x66, 0x67, 0x8B, 0x07};

    put_le32(load + 2, address);
    emit(p, load, sizeof load);
}

/* rep insw or outsw between DS:4000h and a port. */
static void emit_string(struct program *p, u16 port, bool in, u16 count)
{
    u8 code[] = {0xBF,
                 0x00,
                 0x40,
                 0xBE,
                 0x00,
                 0x40,
                 0xB9,
                 (u8)count,
                 (u8)(count >> 8),
                 0xBA,
                 (u8)port,
                 (u8)(port >> 8),
                 0x06,
                 0x1E,
                 0x07,
                 0xF3,
                 in ? 0x6D : 0x6F,
                 0x07};

    emit(p, code, sizeof code);
}

static void emit_step(struct program *p, const u8 *s)
{
    u16 where = get_le16(s + 1), value = get_le16(s + 3);
    u32 wide = value | (u32)value << (s[5] & 16);
    unsigned size = s[5] % 3;
    u16 port = port_of(where);
    u32 address = memory[(where & 0xFF) % ARRAY_LEN(memory)] + (where >> 8 << 4) + (s[5] & 0xC);
    u8 wait[] = {0xB9, (u8)value, (u8)(value >> 8 & 0x0F), 0xE2, 0xFE}; /* mov cx, n; loop $ */

    switch (s[0] % 12) {
    case 0: emit_in(p, port, size); break;
    case 1:
    case 2:
    case 3: emit_out(p, port, size, wide); break;
    case 4: /* PCI configuration */
        emit_out(p, 0xCF8, 2, 0x80000000 | (where & 0x3FFC));
        emit_out(p, 0xCFC, size, wide);
        break;
    case 5:
    case 6: emit_store(p, address, size, wide); break;
    case 7: emit_load(p, address); break;
    case 8: emit(p, wait, sizeof wait); break;
    case 9: emit_string(p, port, s[5] & 1, value & 0x3FF); break;
    case 10: emit(p, "\xFB\xF4", 2); break; /* sti; hlt */
    case 11: emit(p, s + 1, STEP_BYTES - 1); break;
    }
}

static void use(struct machine *m, const u8 *data, size_t size)
{
    struct display_frame frame = {0};
    unsigned i;

    for (i = 0; i < PARTS; i++) {
        machine_run(m, machine_now_ns(m) + RUN_NS / PARTS);
        if (i < size) {
            machine_key(m, data[i], i & 1);
            machine_mouse(m, data[i], -data[i], 0, data[i] & 7);
        }
    }
    machine_render(m, &frame, true);
    display_frame_free(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct program program;
    struct machine *m;
    struct state *s;
    char err[256];
    size_t i;
    u32 at;

    m = bare_machine_new(NULL, err, sizeof err);
    if (!m)
        abort();
    program.len = 0;
    for (i = 0; i < STEPS_MAX && (i + 1) * STEP_BYTES <= size; i++)
        emit_step(&program, data + i * STEP_BYTES);
    emit(&program, "\xFB\xF4\xEB\xFC", 4); /* sti; hlt; again */
    at = bare_machine_prepare(m);
    machine_write_physical(m, at, program.code, min_u64(program.len, CODE_MAX));
    use(m, data, size);
    if (size % 8 == 0) { /* saving takes longer than all the rest */
        s = state_new_save();
        machine_state(m, s);
        if (state_error(s))
            abort();
        state_free(s);
    }
    machine_free(m);
    return 0;
}
