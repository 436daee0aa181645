/*
 * Hostile guests; see hostile.h. The bytes choose a mode (real, unreal, protected, paged), tables
 * with mistakes in them, and then a list of steps, each of which becomes a few instructions: an
 * access to a port or to a chip's memory, a string instruction with a wild count, a control
 * register, a jump back, a patch of the code itself, or plain bytes.
 *
 *      0000  IVT             3000  TSS            10000  code
 *      1000  GDT             4000  page directory 18000  data, DMA lists
 *      2000  IDT             5000  page table     20000  wreckage
 *      2800  handlers
 */
#define _GNU_SOURCE
#include "tests/fuzz/hostile.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/state.h"
#include "cpu/cpu.h"
#include "cpu/segment.h"
#include "devices/board/machine.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AT_GDT = 0x1000,
    AT_IDT = 0x2000,
    AT_HANDLERS = 0x2800,
    AT_TSS = 0x3000,
    AT_DIRECTORY = 0x4000,
    AT_TABLE = 0x5000,
    AT_STACK = 0x9000,
    AT_CODE = 0x10000,
    CODE_MAX = 0x4000,
    SKIP = 32, /* handlers of faults, behind the others */
    SKIP_REAL = 48,
    AT_DATA = 0x18000,
    GDT_ENTRIES = 32,
    LINES_MAX = 60000, /* of messages by one machine */
    FLOPPY_BYTES = 1440 << 10,
    DISK_BYTES = 1 << 20,
    CD_BYTES = 64 << 11,
    BIOS_BYTES = 8192,
};

/* ---- Machines ---- */

static char folder[] = "/tmp/hostile.XXXXXX";
static char paths[5][64];
static unsigned lines;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_file(unsigned n, const char *name, size_t size, int fill)
{
    u8 *data = malloc(size);
    FILE *f;

    snprintf(paths[n], sizeof paths[n], "%s/%s", folder, name);
    f = fopen(paths[n], "wb");
    if (!f || !data)
        abort();
    memset(data, fill, size);
    data[1] = (u8)~fill; /* 55 AA: an expansion ROM begins with it */
    if (fwrite(data, 1, size, f) != size)
        abort();
    fclose(f);
    free(data);
}

static void make_files(void)
{
    if (paths[0][0])
        return;
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    make_file(0, "floppy.img", FLOPPY_BYTES, 0);
    make_file(1, "disk.img", DISK_BYTES, 0x5A);
    make_file(2, "cd.iso", CD_BYTES, 0);
    make_file(3, "bios.bin", BIOS_BYTES, 0xF4);
    make_file(4, "vgabios.bin", BIOS_BYTES, 0x55);
}

static void count_line(void *opaque, enum log_level level, const char *line)
{
    lines++;
}

struct machine *hostile_machine(const char *cpu)
{
    struct machine_config config = {
        .mem_bytes = HOSTILE_MEM,
        .cpu = cpu,
        .engine = "interp",
        .boot = "a",
        .discard = true,
        .deterministic = true,
        .speed_max = true,
        .speed_mips = 2,
        .rtc_epoch = 820454400,
        .debug_exit = true,
        .debug_exit_port = 0x501,
        .post_card = true,
        .post_card_port = 0x80,
    };
    char err[300];
    struct machine *m;

    make_files();
    config.drive[DRIVE_FDA] = paths[0];
    config.drive[DRIVE_HDA] = paths[1];
    config.drive[DRIVE_HDD] = paths[2];
    config.drive_is_cd[DRIVE_HDD] = true;
    config.bios = paths[3];
    config.vgabios = paths[4];
    config.log = log_new(count_line, NULL);
    log_choose(config.log, "all");
    m = machine_new(&config, err, sizeof err);
    if (!m) {
        fprintf(stderr, "%s\n", err);
        abort();
    }
    return m;
}

void hostile_reset(struct machine *m)
{
    static u8 zeros[HOSTILE_MEM];

    machine_write_physical(m, 0, zeros, 0xA0000);
    machine_write_physical(m, 0x100000, zeros + 0x100000, sizeof zeros - 0x100000);
    machine_reset(m);
    machine_run(m, machine_now_ns(m));
}

void hostile_run(struct machine *m, u64 ns, u64 instructions)
{
    u64 until = machine_now_ns(m) + ns, last = machine_instructions(m) + instructions;

    lines = 0;
    while (machine_now_ns(m) < until && machine_instructions(m) < last &&
           machine_run(m, min_u64(until, machine_now_ns(m) + 100000)) == MACHINE_TIME)
        ;
    if (lines > LINES_MAX)
        abort();
}

/* ---- Bytes ---- */

struct source {
    const u8 *data;
    size_t size, at;
};

static u8 byte(struct source *s)
{
    return s->at < s->size ? s->data[s->at++] : 0;
}

static u32 word(struct source *s)
{
    u32 lo = byte(s);

    return lo | (u32)byte(s) << 8;
}

static u32 dword(struct source *s)
{
    u32 lo = word(s);

    return lo | word(s) << 16;
}

/* Numbers as guests like them: small, round, around RAM's end, near chips, or anything. */
static u32 address(struct source *s)
{
    static const u32 near[] = {0,          AT_DATA,    AT_CODE,     AT_DIRECTORY,
                               0xA0000,    0xB8000,    0xC0000,     0xE0000,
                               0xF0000,    0x100000,   HOSTILE_MEM, 0xFEC00000,
                               0xFEE00000, 0xFED00000, 0xE0000000,  0xFFFFF000};
    u8 how = byte(s);

    if (how >= 0xF0)
        return dword(s);
    return near[how % ARRAY_LEN(near)] + (how & 0x40 ? word(s) : word(s) & 0x3FC) -
           (how & 0x20 ? 8 : 0);
}

static u16 port(struct source *s)
{
    static const u16 near[] = {
        0x0020, 0x00A0, 0x04D0, 0x0040, 0x0043, 0x0060, 0x0061, 0x0064, 0x0070, 0x0092, 0x0000,
        0x0008, 0x0080, 0x00C0, 0x00D0, 0x00F0, 0x0CF8, 0x0CFC, 0x03F0, 0x03F5, 0x01F0, 0x01F7,
        0x0170, 0x0177, 0x03F6, 0x0376, 0x03C0, 0x03C4, 0x03CE, 0x03D4, 0x01CE, 0x01CF, 0x03F8,
        0x0378, 0x0510, 0x0514, 0x0518, 0x00B2, 0x0402, 0x0600, 0xC000, 0x0CF9, 0x00E9, 0x0501};
    u8 how = byte(s);

    return how == 0xFF ? (u16)word(s) : (u16)(near[how % ARRAY_LEN(near)] + (byte(s) & 7));
}

/* ---- Code ---- */

struct program {
    u8 code[CODE_MAX];
    unsigned len;
    bool code32;
    u32 base; /* of the data segments */
    unsigned start;
};

static void emit(struct program *p, u8 b)
{
    if (p->len < CODE_MAX - 64)
        p->code[p->len++] = b;
}

static void emit32(struct program *p, u32 v)
{
    for (unsigned i = 0; i < 4; i++)
        emit(p, (u8)(v >> i * 8));
}

/* Operand size 4, or 2, whatever the code segment's default is. */
static void emit_size(struct program *p, unsigned size)
{
    if (size != 1 && (size == 4) != p->code32)
        emit(p, 0x66);
}

static void emit_address32(struct program *p)
{
    if (!p->code32)
        emit(p, 0x67);
}

/* MOV register, number. */
static void emit_mov(struct program *p, enum gpr r, u32 v)
{
    emit_size(p, 4);
    emit(p, (u8)(0xB8 + r));
    emit32(p, v);
}

static void emit_port(struct program *p, u16 at, unsigned size, bool out)
{
    emit_mov(p, RDX, at);
    emit_size(p, size);
    emit(p, (u8)(0xEC + (out ? 2 : 0) + (size > 1)));
}

static void emit_out(struct program *p, u16 at, unsigned size, u32 v)
{
    emit_mov(p, RAX, v);
    emit_port(p, at, size, true);
}

/* MOV [address], EAX or back. */
static void emit_memory(struct program *p, u32 at, unsigned size, bool store)
{
    emit_address32(p);
    emit_size(p, size);
    emit(p, (u8)((store ? 0xA2 : 0xA0) + (size > 1)));
    emit32(p, at - p->base);
}

static void emit_store(struct program *p, u32 at, unsigned size, u32 v)
{
    emit_mov(p, RAX, v);
    emit_memory(p, at, size, true);
}

/* ---- Steps ---- */

static void step_string(struct program *p, struct source *s)
{
    static const u8 opcode[] = {0x6C, 0x6D, 0x6E, 0x6F, 0xA4, 0xA5, 0xA6, 0xAA, 0xAB, 0xAC, 0xAE};
    u8 how = byte(s);

    emit_mov(p, RDX, port(s));
    emit_mov(p, RCX, how & 0x80 ? dword(s) : word(s));
    emit_mov(p, RDI, address(s));
    emit_mov(p, RSI, address(s));
    emit(p, how & 0x40 ? 0xFD : 0xFC);
    if (how & 0x20)
        emit(p, 0x66);
    if (how & 0x10)
        emit_address32(p);
    emit(p, how & 0x08 ? 0xF2 : 0xF3);
    emit(p, opcode[byte(s) % ARRAY_LEN(opcode)]);
}

/* A register of a function on the PCI bus, those with BARs most. */
static void step_pci(struct program *p, struct source *s)
{
    static const u8 functions[] = {0x00, 0x08, 0x09, 0x0B, 0x10};
    static const u8 registers[] = {0x04, 0x10, 0x14, 0x18, 0x20, 0x30, 0x40, 0x58,
                                   0x59, 0x5A, 0x60, 0x72, 0x80, 0x90, 0xD2, 0x3C};
    u8 function = functions[byte(s) % ARRAY_LEN(functions)], how = byte(s);
    u8 reg = how & 0x80 ? byte(s) : registers[how % ARRAY_LEN(registers)];

    emit_out(p, 0xCF8, 4, 0x80000000u | (u32)function << 8 | (reg & 0xFC));
    emit_out(p, (u16)(0xCFC + (reg & 3)), how & 0x40 ? 1 : 4, how & 0x20 ? dword(s) : address(s));
}

/* Registers of a channel, DMA list, command. */
static void step_ide(struct program *p, struct source *s)
{
    static const u8 commands[] = {0x20, 0x30, 0xC4, 0xC5, 0xC6, 0xC8, 0xCA, 0x25, 0x35, 0xEC, 0xA1,
                                  0xA0, 0xEF, 0x90, 0xE7, 0x08, 0x24, 0x34, 0x29, 0x39, 0xF8, 0x91};
    u16 base = byte(s) & 1 ? 0x170 : 0x1F0;
    u8 how = byte(s);

    for (unsigned i = 1; i < 7; i++)
        emit_out(p, (u16)(base + i), 1, how & 0x20 ? byte(s) : i == 2 ? byte(s) % 8 : 0);
    emit_out(p, (u16)(base + 6), 1, 0xA0 | (how & 0x50));
    emit_out(p, (u16)(base + 7), 1, how & 0x80 ? byte(s) : commands[byte(s) % ARRAY_LEN(commands)]);
    if (!(how & 0x0F))
        return;
    /* A list at AT_DATA of up to three regions; the bus master is at C000h once step_pci put it. */
    for (unsigned i = 0; i < (how & 3u); i++) {
        emit_store(p, AT_DATA + i * 8, 4, address(s));
        emit_store(p, AT_DATA + i * 8 + 4, 4, dword(s) & 0x8000FFFF);
    }
    emit_out(p, 0xCF8, 4, 0x80000920);
    emit_out(p, 0xCFC, 4, 0xC001);
    emit_out(p, 0xCF8, 4, 0x80000904);
    emit_out(p, 0xCFC, 2, 5);
    base = base == 0x1F0 ? 0xC000 : 0xC008;
    emit_out(p, (u16)(base + 4), 4, how & 4 ? address(s) : AT_DATA);
    emit_out(p, base, 1, how & 8 ? 9 : 1);
}

/* A packet, a floppy command: bytes one after the other into a port. */
static void step_bytes(struct program *p, struct source *s)
{
    static const u16 ports[] = {0x3F5, 0x1F0, 0x170, 0x64, 0x60, 0x43, 0x40, 0x20, 0xA0, 0x2F8};
    u16 at = ports[byte(s) % ARRAY_LEN(ports)];
    unsigned n = byte(s) % 17;

    for (unsigned i = 0; i < n; i++)
        emit_out(p, at, at == 0x1F0 || at == 0x170 ? 2 : 1, word(s));
}

static void step_dma(struct program *p, struct source *s)
{
    u32 at = address(s);

    emit_out(p, 0x0A, 1, 6);
    emit_out(p, 0x0C, 1, 0);
    emit_out(p, 0x04, 1, at);
    emit_out(p, 0x04, 1, at >> 8);
    emit_out(p, 0x81, 1, at >> 16);
    emit_out(p, 0x05, 1, byte(s));
    emit_out(p, 0x05, 1, byte(s));
    emit_out(p, 0x0B, 1, byte(s));
    emit_out(p, 0x0A, 1, 2);
}

static void step_fw_cfg(struct program *p, struct source *s)
{
    u32 at = AT_DATA + 0x100;

    emit_store(p, at, 4, __builtin_bswap32(word(s) << 16 | (byte(s) & 0x1F)));
    emit_store(p, at + 4, 4, __builtin_bswap32(byte(s) & 1 ? dword(s) : word(s)));
    emit_store(p, at + 8, 4, byte(s) & 0xF0 ? 0 : dword(s));
    emit_store(p, at + 12, 4, __builtin_bswap32(address(s)));
    emit_out(p, 0x518, 4, __builtin_bswap32(byte(s) & 0xF8 ? at : address(s)));
}

static void step_timer(struct program *p, struct source *s)
{
    u8 how = byte(s);

    switch (how % 5) {
    case 0:
        emit_out(p, 0x43, 1, byte(s));
        emit_out(p, (u16)(0x40 + how / 5 % 3), 1, byte(s) & 3);
        emit_out(p, (u16)(0x40 + how / 5 % 3), 1, 0);
        break;
    case 1:
        emit_out(p, 0x70, 1, 0x0A);
        emit_out(p, 0x71, 1, 0x20 | (byte(s) & 15));
        emit_out(p, 0x70, 1, 0x0B);
        emit_out(p, 0x71, 1, byte(s));
        break;
    case 2:
        emit_store(p, 0xFED00100u + how / 5 % 3 * 0x20, 4, word(s));
        emit_store(p, 0xFED00108u + how / 5 % 3 * 0x20, 4, byte(s) & 0x80 ? dword(s) : byte(s) & 3);
        emit_store(p, 0xFED00010u, 4, byte(s) & 3);
        break;
    case 3:
        emit_store(p, 0xFEE000F0u, 4, 0x100 | byte(s));
        emit_store(p, 0xFEE00320u, 4, (byte(s) & 2 ? 0x20000u : 0) | byte(s));
        emit_store(p, 0xFEE003E0u, 4, byte(s));
        emit_store(p, 0xFEE00380u, 4, byte(s) & 0x80 ? dword(s) : byte(s) & 3);
        break;
    case 4:
        emit_store(p, 0xFEE00310u, 4, dword(s));
        emit_store(p, 0xFEE00300u, 4, dword(s));
        break;
    }
}

static void step_control(struct program *p, struct source *s)
{
    static const u32 msrs[] = {0x1B, 0x10, 0x174, 0x175, 0x176, 0x277, 0x2FF, 0x200, 0x79, 0x1D9};
    u8 how = byte(s);

    emit_mov(p, RAX, how & 0x80 ? dword(s) : 0x80000011u ^ 1u << (byte(s) & 31));
    switch (how % 6) {
    case 0: emit(p, 0x0F), emit(p, 0x22), emit(p, 0xC0); break; /* CR0 */
    case 1:
        emit_mov(p, RAX, how & 0x40 ? address(s) : AT_DIRECTORY);
        emit(p, 0x0F), emit(p, 0x22), emit(p, 0xD8); /* CR3 */
        break;
    case 2: emit(p, 0x0F), emit(p, 0x22), emit(p, 0xE0); break;                          /* CR4 */
    case 3: emit(p, 0x0F), emit(p, 0x23), emit(p, (u8)(0xC0 | (byte(s) & 0x38))); break; /* DR */
    case 4:
        emit_mov(p, RCX, msrs[byte(s) % ARRAY_LEN(msrs)]);
        emit_mov(p, RDX, byte(s) & 0x80 ? dword(s) : 0);
        emit(p, 0x0F), emit(p, 0x30);
        break;
    case 5:
        emit(p, 0x50), emit(p, 0x9D); /* PUSH EAX; POPF */
        break;
    }
}

/* DEC word [counter]; JNZ back: a bounded loop over what was emitted before. */
static void step_loop(struct program *p, struct source *s)
{
    u32 back = p->len - byte(s) % min_u64(p->len - p->start + 1, 256),
        at = AT_DATA + 0x800 + (byte(s) & 15) * 4;
    unsigned width = p->code32 ? 4 : 2;
    s32 rel;

    emit_address32(p);
    emit(p, 0x66);
    emit(p, 0xFF);
    emit(p, 0x0D);
    emit32(p, at - p->base);
    emit(p, 0x0F);
    emit(p, 0x85);
    rel = (s32)(back - (p->len + width));
    for (unsigned i = 0; i < width; i++)
        emit(p, (u8)((u32)rel >> i * 8));
}

static void step_raw(struct program *p, struct source *s)
{
    unsigned n = byte(s) % 16;

    while (n-- > 0)
        emit(p, byte(s));
}

static void one_step(struct program *p, struct source *s)
{
    u8 how = byte(s);
    unsigned size = 1u << how / 32 % 3;

    switch (how % 20) {
    case 0:
    case 1: step_raw(p, s); break;
    case 2:
    case 3: emit_out(p, port(s), size, how & 0x80 ? dword(s) : byte(s)); break;
    case 4: emit_port(p, port(s), size, false); break;
    case 5:
    case 6: emit_store(p, address(s), size, how & 0x80 ? dword(s) : word(s)); break;
    case 7: emit_memory(p, address(s), size, false); break;
    case 8:
    case 9: step_string(p, s); break;
    case 10: step_pci(p, s); break;
    case 11: step_ide(p, s); break;
    case 12: step_bytes(p, s); break;
    case 13: step_dma(p, s); break;
    case 14: step_fw_cfg(p, s); break;
    case 15: step_timer(p, s); break;
    case 16: step_control(p, s); break;
    case 17: step_loop(p, s); break;
    case 18: /* patch the code ahead or behind */
        emit_store(p, AT_CODE + p->len + (u32)(s32)(s8)byte(s), size, dword(s));
        break;
    case 19:
        emit(p, how & 0x80 ? 0xFA : 0xFB);
        if (how & 0x40)
            emit(p, 0xF4);
        break;
    }
}

/* ---- Busy code: instructions that mostly work, over and over ---- */

enum { COUNTERS = 16, AT_COUNTERS = AT_DATA + 0x800, DATA_SPAN = 0x2000 };

/* Memory near a page's end, near where code lies, or in the data. */
static u32 busy_address(struct program *p, struct source *s)
{
    u8 how = byte(s);

    if (how < 0x18)
        return AT_CODE + p->len + (u32)(s32)(s8)byte(s) - p->base;
    if (how < 0x30)
        return AT_DATA + PAGE_SIZE * (1 + how % 2) - how % 9 - p->base;
    return AT_DATA + word(s) % DATA_SPAN - p->base;
}

/* ModRM for `reg` with a register, an absolute address, or a base register and a byte. */
static void emit_modrm(struct program *p, struct source *s, u8 reg, u32 at, bool absolute)
{
    u8 how = byte(s);

    if (absolute) {
        emit(p, (u8)(5 | reg << 3));
        emit32(p, at);
    } else if (how & 1) {
        emit(p, (u8)(0xC0 | reg << 3 | how >> 5));
    } else if (p->code32) {
        emit(p, (u8)(0x40 | reg << 3 | (how & 2 ? 6 : how & 4 ? 7 : 3)));
        emit(p, byte(s));
    } else {
        emit(p, (u8)(0x40 | reg << 3 | (how >> 5)));
        emit(p, byte(s));
    }
}

struct shape {
    u8 opcode, imm; /* imm: bytes that follow; 4 means by operand size */
    bool escape, modrm;
};

static const struct shape shapes[] = {
    {0x00, 0, false, true},  {0x03, 0, false, true},  {0x09, 0, false, true},
    {0x0A, 0, false, true},  {0x11, 0, false, true},  {0x1B, 0, false, true},
    {0x21, 0, false, true},  {0x22, 0, false, true},  {0x29, 0, false, true},
    {0x2B, 0, false, true},  {0x31, 0, false, true},  {0x38, 0, false, true},
    {0x3B, 0, false, true},  {0x39, 0, false, true},  {0x84, 0, false, true},
    {0x85, 0, false, true},  {0x86, 0, false, true},  {0x87, 0, false, true},
    {0x88, 0, false, true},  {0x89, 0, false, true},  {0x8A, 0, false, true},
    {0x8B, 0, false, true},  {0x8D, 0, false, true},  {0x80, 1, false, true},
    {0x81, 4, false, true},  {0x83, 1, false, true},  {0xC6, 1, false, true},
    {0xC7, 4, false, true},  {0xC0, 1, false, true},  {0xC1, 1, false, true},
    {0xD1, 0, false, true},  {0xD3, 0, false, true},  {0xF6, 1, false, true},
    {0xF7, 4, false, true},  {0xFE, 0, false, true},  {0xFF, 0, false, true},
    {0x69, 4, false, true},  {0x6B, 1, false, true},  {0x40, 0, false, false},
    {0x48, 0, false, false}, {0x50, 0, false, false}, {0x58, 0, false, false},
    {0x68, 4, false, false}, {0x6A, 1, false, false}, {0x90, 0, false, false},
    {0xB0, 1, false, false}, {0xB8, 4, false, false}, {0x98, 0, false, false},
    {0x99, 0, false, false}, {0x9C, 0, false, false}, {0xA4, 0, false, false},
    {0xA5, 0, false, false}, {0xAA, 0, false, false}, {0xAD, 0, false, false},
    {0xA6, 0, false, false}, {0xC9, 0, false, false}, {0xF8, 0, false, false},
    {0xF9, 0, false, false}, {0xFC, 0, false, false}, {0xFD, 0, false, false},
    {0x9E, 0, false, false}, {0x9F, 0, false, false}, {0xD6, 0, false, false},
    {0xA4, 1, true, true},   {0xA5, 0, true, true},   {0xAC, 1, true, true},
    {0xAF, 0, true, true},   {0xB6, 0, true, true},   {0xB7, 0, true, true},
    {0xBE, 0, true, true},   {0xBF, 0, true, true},   {0xA3, 0, true, true},
    {0xAB, 0, true, true},   {0xBA, 1, true, true},   {0xC8, 0, true, false},
    {0x44, 0, true, true},   {0x4C, 0, true, true},   {0x92, 0, true, true},
    {0x9F, 0, true, true},   {0xC1, 0, true, true},   {0xB1, 0, true, true},
    {0x31, 0, true, false},  {0xA2, 0, true, false},
};

static void busy_alu(struct program *p, struct source *s)
{
    const struct shape *shape = &shapes[byte(s) % ARRAY_LEN(shapes)];
    u8 how = byte(s), reg = byte(s) & 7;
    bool size16 = how & 1, absolute = how & 6;
    unsigned imm = shape->imm == 4 ? (p->code32 != size16 ? 4 : 2) : shape->imm;

    if (size16)
        emit(p, 0x66);
    if (absolute && shape->modrm)
        emit_address32(p);
    if (shape->escape)
        emit(p, 0x0F);
    emit(p, (u8)(shape->opcode +
                 (!shape->modrm && shape->opcode >= 0x40 && shape->opcode < 0x60 ? reg : 0)));
    if (shape->modrm)
        emit_modrm(p, s, reg, busy_address(p, s), absolute);
    /* TEST alone of the F6 and F7 groups has an immediate. */
    if ((shape->opcode == 0xF6 || shape->opcode == 0xF7) && !shape->escape && reg > 1)
        imm = 0;
    while (imm-- > 0)
        emit(p, byte(s));
}

/* CMP or TEST and a short conditional branch forward, into whatever comes. */
static void busy_branch(struct program *p, struct source *s)
{
    u8 how = byte(s);

    if (how & 0x80)
        emit(p, how & 0x40 ? 0x39 : 0x85), emit(p, (u8)(0xC0 | (how & 0x3F)));
    emit(p, (u8)(0x70 | (how & 15)));
    emit(p, byte(s) & 15);
}

/* CALL over a jump to a RET, so that the stack is used and comes back. */
static void busy_call(struct program *p, struct source *s)
{
    emit(p, 0xE8);
    for (unsigned i = 0; i < (p->code32 ? 4u : 2u); i++)
        emit(p, i ? 0 : 2);
    emit(p, 0xEB);
    emit(p, 0x01);
    emit(p, 0xC3);
}

/* INC byte or ADD dword of code that was emitted or will be. */
static void busy_patch(struct program *p, struct source *s)
{
    u32 at = AT_CODE + p->len + (byte(s) & 63) - 12 - p->base;

    emit_address32(p);
    if (byte(s) & 1) {
        emit(p, 0xFE);
        emit(p, 0x05);
        emit32(p, at);
    } else {
        emit(p, 0x80);
        emit(p, 0x35); /* XOR byte */
        emit32(p, at);
        emit(p, (u8)(1 << (byte(s) & 7)));
    }
}

static void busy_string(struct program *p, struct source *s)
{
    static const u8 opcode[] = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAE, 0xAF};

    emit_mov(p, RCX, byte(s));
    emit_mov(p, RDI, busy_address(p, s));
    emit_mov(p, RSI, busy_address(p, s));
    emit_address32(p);
    emit(p, byte(s) & 1 ? 0xF2 : 0xF3);
    emit(p, opcode[byte(s) % ARRAY_LEN(opcode)]);
}

static void busy_step(struct program *p, struct source *s)
{
    switch (byte(s) % 32) {
    case 0: one_step(p, s); break;
    case 1:
    case 2: busy_branch(p, s); break;
    case 3: busy_call(p, s); break;
    case 4:
    case 5: busy_patch(p, s); break;
    case 6: busy_string(p, s); break;
    case 7: step_loop(p, s); break;
    case 8:
        emit_mov(p, RSI, busy_address(p, s));
        emit_mov(p, RDI, busy_address(p, s));
        emit_mov(p, RBX, busy_address(p, s));
        break;
    default: busy_alu(p, s); break;
    }
}

/* ---- Tables ---- */

static void put(struct machine *m, u32 at, unsigned size, u32 v)
{
    u8 b[4];

    put_le32(b, v);
    machine_write_physical(m, at, b, size);
}

static void put_descriptor(struct machine *m, unsigned n, u32 base, u32 limit, u16 attr)
{
    put(m, AT_GDT + n * 8, 4, (limit & 0xFFFF) | base << 16);
    put(m, AT_GDT + n * 8 + 4, 4,
        (base >> 16 & 0xFF) | (u32)attr << 8 | (limit & 0xF0000) | (base & 0xFF000000));
}

/* End of interrupt to all controllers, and back, or something else. Real mode has the same bytes.
 */
static void put_handler(struct machine *m, struct source *s)
{
    static const u8 handler[] = {0x50, 0xB0, 0x20, 0xE6, 0x20, 0xE6, 0xA0, 0x58, 0xCF};
    /* Those of faults go on a byte further: drop the error code; INC [return address]; IRET. */
    static const u8 skip[] = {0x83, 0xC4, 0x04, 0xFF, 0x04, 0x24, 0xCF};
    static const u8 skip_real[] = {0x55, 0x89, 0xE5, 0xFF, 0x46, 0x02, 0x5D, 0xEB, 0xC7};

    machine_write_physical(m, AT_HANDLERS, handler, sizeof handler);
    machine_write_physical(m, AT_HANDLERS + SKIP, skip, sizeof skip);
    machine_write_physical(m, AT_HANDLERS + SKIP_REAL, skip_real, sizeof skip_real);
    for (unsigned n = byte(s), i = 0; n >= 0xE0 && i < (n & 7); i++)
        put(m, AT_HANDLERS + byte(s) % 48, 1, byte(s));
}

static void put_tables(struct machine *m, struct source *s)
{
    u8 odd = byte(s);

    put_descriptor(m, 1, 0, 0xFFFFF, 0xC09B);
    put_descriptor(m, 2, 0, 0xFFFFF, 0xC093);
    put_descriptor(m, 3, 0, 0xFFFFF, 0xC0FB);
    put_descriptor(m, 4, 0, 0xFFFFF, 0xC0F3);
    put_descriptor(m, 5, AT_TSS, 0x67 + (odd & 0x80 ? 0x2000 : 0), 0x008B);
    put_descriptor(m, 6, AT_TSS + 0x200, 0x67, 0x0089);
    put_descriptor(m, 7, AT_CODE, 0xFFFF, 0x009B); /* 16-bit code */
    for (unsigned i = 0; i < (odd & 3u); i++) {
        u32 lo = dword(s), hi = dword(s);

        put(m, AT_GDT + (8 + i) * 8, 4, lo);
        put(m, AT_GDT + (8 + i) * 8 + 4, 4, hi);
    }
    for (unsigned v = 0; v < 256; v++) {
        bool error = v == 8 || (v >= 10 && v <= 14) || v == 17, fault = v != 1 && v < 19;
        u32 at = AT_HANDLERS + (error   ? SKIP
                                : fault ? SKIP + 3
                                        : 0),
            type = odd & 4 ? 0x8F00 : 0x8E00;

        put(m, AT_IDT + v * 8, 4, 0x00080000 | at);
        put(m, AT_IDT + v * 8 + 4, 4, type);
    }
    put_handler(m, s);
    for (unsigned i = 0; i < (odd >> 3 & 3u); i++) {
        u8 v = byte(s) & 31;
        u32 selector = byte(s) & 1 ? 0x30 : word(s);

        put(m, AT_IDT + v * 8u, 4, selector << 16 | word(s));
        put(m, AT_IDT + v * 8u + 4, 4, 0x8000u | (byte(s) & 0xFFu) << 8);
    }
    put(m, AT_TSS + 4, 4, AT_STACK - 0x800);
    put(m, AT_TSS + 8, 4, 0x10);
    put(m, AT_TSS + 0x200 + 0x1C, 4, AT_DIRECTORY);
    put(m, AT_TSS + 0x200 + 0x20, 4, AT_CODE + word(s) % 256);
    put(m, AT_TSS + 0x200 + 0x38, 4, AT_STACK - 0x400);
    for (unsigned i = 0; i < 6; i++)
        put(m, AT_TSS + 0x200 + 0x48 + i * 4, 4, i == 1 ? 8 : 0x10);
}

/* Identity for the first 4 MiB and the chips, then some entries are spoilt. */
static void put_pages(struct machine *m, struct source *s)
{
    unsigned spoilt = byte(s) % 16;

    for (unsigned i = 0; i < 1024; i++) {
        put(m, AT_TABLE + i * 4, 4, i << 12 | 7);
        put(m, AT_DIRECTORY + i * 4, 4, i == 0 ? AT_TABLE | 7 : i << 22 | 0x87);
    }
    while (spoilt-- > 0) {
        bool directory = byte(s) & 1;

        put(m, (directory ? AT_DIRECTORY : AT_TABLE) + (word(s) & 0xFFC), 4,
            byte(s) & 1 ? address(s) | byte(s) : dword(s));
    }
}

/* ---- Registers ---- */

static void set_segment(struct cpu *c, enum seg_reg n, u16 sel, u32 base, u32 limit, u16 attr)
{
    c->seg[n] = (struct segment){.sel = sel, .attr = attr, .limit = limit, .base = base};
    seg_update(&c->seg[n]);
}

static void enter_real(struct machine *m, struct cpu *c, struct source *s, bool unreal)
{
    for (unsigned v = 0; v < 256; v++)
        put(m, v * 4, 4, AT_HANDLERS + (v != 1 && v < 14 ? SKIP_REAL : 0));
    put_handler(m, s);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_segment(c, (enum seg_reg)i, unreal || i == SEG_SS ? 0 : AT_CODE >> 4,
                    unreal || i == SEG_SS ? 0 : AT_CODE, unreal ? 0xFFFFFFFF : 0xFFFF, 0x93);
    set_segment(c, SEG_CS, AT_CODE >> 4, AT_CODE, 0xFFFF, 0x9B);
    c->rip = 0;
}

static void enter_protected(struct cpu *c, unsigned cpl, bool paged)
{
    c->gdtr = (struct table_reg){AT_GDT, GDT_ENTRIES * 8 - 1};
    c->idtr = (struct table_reg){AT_IDT, 0x7FF};
    c->tr = (struct segment){.sel = 0x28, .attr = 0x8B, .limit = 0x67, .base = AT_TSS};
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_segment(c, (enum seg_reg)i, cpl ? 0x23 : 0x10, 0, 0xFFFFFFFF, cpl ? 0xC0F3 : 0xC093);
    set_segment(c, SEG_CS, cpl ? 0x1B : 8, 0, 0xFFFFFFFF, cpl ? 0xC0FB : 0xC09B);
    c->cpl = (u8)cpl;
    c->cr0 |= CR0_PE;
    if (paged) {
        c->cr3 = AT_DIRECTORY;
        c->cr4 = CR4_PSE & c->model->cr4_mask;
        c->cr0 |= CR0_PG;
    }
    c->rip = AT_CODE;
}

static void set_registers(struct machine *m, struct cpu *c, struct source *s, u8 mode)
{
    u8 flags = byte(s);

    cpu_reset(c, true);
    for (unsigned i = 0; i < 8; i++)
        c->gpr[i] = flags & 0x40 ? dword(s) : word(s);
    c->gpr[RSP] = AT_STACK;
    if (mode & 2)
        enter_protected(c, mode & 4 ? 3 : 0, mode & 1);
    else
        enter_real(m, c, s, mode & 1);
    cpu_set_flags(c, (flags & 1 ? EF_IF : 0) | (flags & 2 ? EF_DF : 0) | (flags & 4 ? 0x3000 : 0) |
                         (flags & 0xF0 ? 0 : EF_TF) | EF_FIXED);
    cpu_update_mode(c);
}

/* Loops go round a few times. */
static void put_counters(struct machine *m, struct source *s)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        put(m, AT_COUNTERS + i * 4, 4, 1 + byte(s) % 32);
}

void hostile_guest(struct machine *m, const u8 *data, size_t size)
{
    static struct program p;
    struct source s = {data, size, 0};
    u8 mode = byte(&s);

    if (!model_has(machine_cpu(m, 0)->model, FEAT_386))
        mode &= 0xFC; /* real mode, as it is */
    p = (struct program){.code32 = mode & 2, .base = mode & 3 ? 0 : AT_CODE};
    if (mode & 2)
        put_tables(m, &s);
    if ((mode & 3) == 3)
        put_pages(m, &s);
    set_registers(m, machine_cpu(m, 0), &s, mode);
    put_counters(m, &s);
    /* Some start where their instructions cross a page's end soon. */
    if (mode & 0x10)
        p.len = PAGE_SIZE - 64 - byte(&s);
    p.start = p.len;
    machine_cpu(m, 0)->rip += p.start;
    while (s.at < s.size)
        (mode & 8 ? busy_step : one_step)(&p, &s);
    emit(&p, 0xFB);
    emit(&p, 0xF4);
    emit(&p, 0xEB);
    emit(&p, 0xFC);
    machine_write_physical(m, AT_CODE, p.code, p.len);
}
