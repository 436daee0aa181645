/*
 * Registers for gdb. The core feature's names, order and types are gdb's own (GDB manual, "i386
 * Features"); the system feature is ours.
 */
#include "frontend/gdb_registers.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "devices/board/machine.h"

#include <string.h>

/* ---- Core ---- */

static void get_gpr(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)c->gpr[n]);
}

static void get_pc(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)(c->rip + (pc == GDB_PC_LINEAR ? c->seg[SEG_CS].base : 0)));
}

static void get_flags(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)cpu_flags(c));
}

static void get_selector(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, c->seg[n].sel);
}

/* ---- x87 ---- */

static void get_st(const struct cpu *c, enum gdb_pc pc, unsigned i, u8 *out)
{
    memcpy(out, c->fpu.reg[(c->fpu.top + i) & 7], 10);
}

static void get_x87(const struct cpu *c, enum gdb_pc pc, unsigned which, u8 *out)
{
    const struct fpu *f = &c->fpu;
    const u32 values[] = {
        [X87_CONTROL] = f->cw,           [X87_STATUS] = f->sw | (u32)f->top << SW_TOP_SHIFT,
        [X87_TAGS] = fpu_tag_word(f),    [X87_CODE_SELECTOR] = f->fcs,
        [X87_CODE_OFFSET] = (u32)f->fip, [X87_DATA_SELECTOR] = f->fds,
        [X87_DATA_OFFSET] = (u32)f->fdp, [X87_OPCODE] = f->fop,
    };

    put_le32(out, values[which]);
}

/* ---- System ---- */

static void get_base(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)c->seg[n].base);
}

static void get_limit(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, c->seg[n].limit);
}

enum { LDTR = TABLE_IDT_LIMIT + 1, TR, CPL };

static void get_table(const struct cpu *c, enum gdb_pc pc, unsigned which, u8 *out)
{
    const u32 values[] = {
        [TABLE_GDT_BASE] = (u32)c->gdtr.base,
        [TABLE_GDT_LIMIT] = c->gdtr.limit,
        [TABLE_IDT_BASE] = (u32)c->idtr.base,
        [TABLE_IDT_LIMIT] = c->idtr.limit,
        [LDTR] = c->ldtr.sel,
        [TR] = c->tr.sel,
        [CPL] = c->cpl,
    };

    put_le32(out, values[which]);
}

static void get_cr(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)(n == 0 ? c->cr0 : n == 2 ? c->cr2 : n == 3 ? c->cr3 : c->cr4));
}

static void get_dr(const struct cpu *c, enum gdb_pc pc, unsigned n, u8 *out)
{
    put_le32(out, (u32)c->dr[n]);
}

/* ---- Tables ---- */

#define GPR(name, type, n)                                                                         \
    {                                                                                              \
        name, type, NULL, 32, n, REGISTER_GPR, get_gpr                                             \
    }
#define SELECTOR(name, n)                                                                          \
    {                                                                                              \
        name, "int32", NULL, 32, n, REGISTER_SELECTOR, get_selector                                \
    }
#define ST(name, n)                                                                                \
    {                                                                                              \
        name, "i387_ext", "float", 80, n, REGISTER_ST, get_st                                      \
    }
#define X87(name, n)                                                                               \
    {                                                                                              \
        name, "int", "float", 32, n, REGISTER_X87, get_x87                                         \
    }
#define SYSTEM(name, type, n, kind, get)                                                           \
    {                                                                                              \
        name, type, "system", 32, n, kind, get                                                     \
    }

static const struct gdb_register core[] = {
    GPR("eax", "int32", RAX),
    GPR("ecx", "int32", RCX),
    GPR("edx", "int32", RDX),
    GPR("ebx", "int32", RBX),
    GPR("esp", "data_ptr", RSP),
    GPR("ebp", "data_ptr", RBP),
    GPR("esi", "int32", RSI),
    GPR("edi", "int32", RDI),
    {"eip", "code_ptr", NULL, 32, 0, REGISTER_RIP, get_pc},
    {"eflags", "i386_eflags", NULL, 32, 0, REGISTER_FLAGS, get_flags},
    SELECTOR("cs", SEG_CS),
    SELECTOR("ss", SEG_SS),
    SELECTOR("ds", SEG_DS),
    SELECTOR("es", SEG_ES),
    SELECTOR("fs", SEG_FS),
    SELECTOR("gs", SEG_GS),
    ST("st0", 0),
    ST("st1", 1),
    ST("st2", 2),
    ST("st3", 3),
    ST("st4", 4),
    ST("st5", 5),
    ST("st6", 6),
    ST("st7", 7),
    X87("fctrl", X87_CONTROL),
    X87("fstat", X87_STATUS),
    X87("ftag", X87_TAGS),
    X87("fiseg", X87_CODE_SELECTOR),
    X87("fioff", X87_CODE_OFFSET),
    X87("foseg", X87_DATA_SELECTOR),
    X87("fooff", X87_DATA_OFFSET),
    X87("fop", X87_OPCODE),
};

static const struct gdb_register system_registers[] = {
    SYSTEM("cs_base", "uint32", SEG_CS, REGISTER_BASE, get_base),
    SYSTEM("ss_base", "uint32", SEG_SS, REGISTER_BASE, get_base),
    SYSTEM("ds_base", "uint32", SEG_DS, REGISTER_BASE, get_base),
    SYSTEM("es_base", "uint32", SEG_ES, REGISTER_BASE, get_base),
    SYSTEM("fs_base", "uint32", SEG_FS, REGISTER_BASE, get_base),
    SYSTEM("gs_base", "uint32", SEG_GS, REGISTER_BASE, get_base),
    SYSTEM("cs_limit", "uint32", SEG_CS, REGISTER_READ_ONLY, get_limit),
    SYSTEM("ss_limit", "uint32", SEG_SS, REGISTER_READ_ONLY, get_limit),
    SYSTEM("ds_limit", "uint32", SEG_DS, REGISTER_READ_ONLY, get_limit),
    SYSTEM("es_limit", "uint32", SEG_ES, REGISTER_READ_ONLY, get_limit),
    SYSTEM("fs_limit", "uint32", SEG_FS, REGISTER_READ_ONLY, get_limit),
    SYSTEM("gs_limit", "uint32", SEG_GS, REGISTER_READ_ONLY, get_limit),
    SYSTEM("gdtr_base", "uint32", TABLE_GDT_BASE, REGISTER_TABLE, get_table),
    SYSTEM("gdtr_limit", "uint32", TABLE_GDT_LIMIT, REGISTER_TABLE, get_table),
    SYSTEM("idtr_base", "uint32", TABLE_IDT_BASE, REGISTER_TABLE, get_table),
    SYSTEM("idtr_limit", "uint32", TABLE_IDT_LIMIT, REGISTER_TABLE, get_table),
    SYSTEM("ldtr", "uint32", LDTR, REGISTER_READ_ONLY, get_table),
    SYSTEM("tr", "uint32", TR, REGISTER_READ_ONLY, get_table),
    SYSTEM("cpl", "uint32", CPL, REGISTER_READ_ONLY, get_table),
    SYSTEM("cr0", "cr0_flags", 0, REGISTER_CONTROL, get_cr),
    SYSTEM("cr2", "uint32", 2, REGISTER_CONTROL, get_cr),
    SYSTEM("cr3", "uint32", 3, REGISTER_CONTROL, get_cr),
    SYSTEM("cr4", "cr4_flags", 4, REGISTER_CONTROL, get_cr),
    SYSTEM("dr0", "uint32", 0, REGISTER_DEBUG, get_dr),
    SYSTEM("dr1", "uint32", 1, REGISTER_DEBUG, get_dr),
    SYSTEM("dr2", "uint32", 2, REGISTER_DEBUG, get_dr),
    SYSTEM("dr3", "uint32", 3, REGISTER_DEBUG, get_dr),
    SYSTEM("dr6", "uint32", 6, REGISTER_DEBUG, get_dr),
    SYSTEM("dr7", "uint32", 7, REGISTER_DEBUG, get_dr),
};

#define BIT(name, n) "<field name=\"" name "\" start=\"" #n "\" end=\"" #n "\"/>"

static const char core_types[] = "<flags id=\"i386_eflags\" size=\"4\">" BIT("CF", 0) BIT("", 1)
    BIT("PF", 2) BIT("AF", 4) BIT("ZF", 6) BIT("SF", 7) BIT("TF", 8) BIT("IF", 9) BIT("DF", 10)
        BIT("OF", 11) BIT("NT", 14) BIT("RF", 16) BIT("VM", 17) BIT("AC", 18) BIT("VIF", 19)
            BIT("VIP", 20) BIT("ID", 21) "</flags>";

static const char system_types[] =
    "<flags id=\"cr0_flags\" size=\"4\">" BIT("PE", 0) BIT("MP", 1) BIT("EM", 2) BIT("TS", 3)
        BIT("ET", 4) BIT("NE", 5) BIT("WP", 16) BIT("AM", 18) BIT("NW", 29) BIT("CD", 30)
            BIT("PG", 31) "</flags>"
                          "<flags id=\"cr4_flags\" size=\"4\">" BIT("VME", 0) BIT("PVI", 1)
                              BIT("TSD", 2) BIT("DE", 3) BIT("PSE", 4) BIT("PAE", 5) BIT("MCE", 6)
                                  BIT("PGE", 7) BIT("PCE", 8) BIT("OSFXSR", 9) "</flags>";

static const struct gdb_feature i386_features[] = {
    {"org.gnu.gdb.i386.core", core_types, core, ARRAY_LEN(core)},
    {"bygone.i386.system", system_types, system_registers, ARRAY_LEN(system_registers)},
};

const struct gdb_registers gdb_registers_i386 = {i386_features, ARRAY_LEN(i386_features)};

const struct gdb_register *gdb_register_at(const struct gdb_registers *set, unsigned number)
{
    unsigned i;

    for (i = 0; i < set->count; number -= set->features[i++].count)
        if (number < set->features[i].count)
            return &set->features[i].rows[number];
    return NULL;
}

bool gdb_register_set(const struct gdb_register *r, struct machine *m, enum gdb_pc pc,
                      const u8 *value)
{
    u8 bytes[REGISTER_BYTES] = {0};

    memcpy(bytes, value, gdb_register_bytes(r));
    if (r->kind == REGISTER_RIP && pc == GDB_PC_LINEAR)
        put_le32(bytes, get_le32(bytes) - (u32)machine_cpu(m, 0)->seg[SEG_CS].base);
    return r->kind && machine_write_register(m, (enum register_kind)r->kind, r->arg, bytes);
}

static bool is_system(const struct gdb_register *r)
{
    return r->group && !strcmp(r->group, "system");
}

/* When gdb calls functions of the guest, it leaves the registers of its system alone. */
static void describe_register(const struct gdb_register *r, unsigned number, struct text *out)
{
    text_addf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"", r->name, r->bits,
              r->type, number);
    if (r->group)
        text_addf(out, " group=\"%s\"", r->group);
    text_add(out, is_system(r) ? " save-restore=\"no\"/>\n" : "/>\n");
}

void gdb_registers_describe(const struct gdb_registers *set, const char *architecture,
                            struct text *out)
{
    unsigned i, n, number = 0;

    text_addf(out,
              "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
              "<target version=\"1.0\">\n<architecture>%s</architecture>\n",
              architecture);
    for (i = 0; i < set->count; i++) {
        const struct gdb_feature *f = &set->features[i];

        text_addf(out, "<feature name=\"%s\">\n%s\n", f->name, f->types ? f->types : "");
        for (n = 0; n < f->count; n++)
            describe_register(&f->rows[n], number++, out);
        text_add(out, "</feature>\n");
    }
    text_add(out, "</target>\n");
}
