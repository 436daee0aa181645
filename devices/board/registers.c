/* Registers as a debugger sets them; see registers.h. */
#include "devices/board/registers.h"

#include "base/bytes.h"
#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "cpu/op.h"
#include "cpu/segment.h"

#include <string.h>

static bool write_rip(struct cpu *c, u32 rip)
{
    if (rip == c->rip)
        return true;
    if (rip > c->seg[SEG_CS].limit)
        return false;
    c->rip = rip;
    c->halted = false;
    return true;
}

static bool write_flags(struct cpu *c, u32 flags)
{
    if ((flags ^ cpu_flags(c)) & EF_VM)
        return false;
    flags_load(c, flags, ~(u32)EF_VM);
    return true;
}

/* CS in real and virtual-8086 mode only. */
static bool write_selector(struct cpu *c, unsigned n, u32 sel)
{
    bool good;

    if (sel > 0xFFFF || (n == SEG_CS && cpu_is_protected(c)))
        return false;
    if (n == SEG_CS) {
        seg_load_real(c, n, (u16)sel);
        return true;
    }
    good = seg_load(c, (enum seg_reg)n, (u16)sel);
    c->fault.pending = false;
    return good;
}

static void write_x87(struct cpu *c, unsigned which, u32 v)
{
    struct fpu *f = &c->fpu;

    switch (which) {
    case X87_CONTROL: f->cw = (u16)((v & CW_WRITABLE) | CW_FIXED); break;
    case X87_STATUS:
        f->sw = v & 0xFFFF & ~(u32)SW_TOP;
        f->top = v >> SW_TOP_SHIFT & 7;
        break;
    case X87_TAGS: f->tags = fpu_tags_of_word((u16)v); break;
    case X87_CODE_SELECTOR: f->fcs = (u16)v; break;
    case X87_CODE_OFFSET: f->fip = v; break;
    case X87_DATA_SELECTOR: f->fds = (u16)v; break;
    case X87_DATA_OFFSET: f->fdp = v; break;
    default: f->fop = v & 0x7FF;
    }
    fpu_settle(c);
}

/* A mode is not left or entered at other privilege levels, nor from virtual-8086 mode. */
static bool write_control(struct cpu *c, unsigned n, u32 v)
{
    bool good;

    if (!model_has(c->model, FEAT_386) || !control_exists(c, n))
        return false;
    if (n == 0 && ((v ^ c->cr0) & CR0_PE) && c->cpl)
        return false;
    good = control_load(c, n, v);
    c->fault.pending = false;
    return good;
}

static bool write_base(struct cpu *c, unsigned n, u32 v)
{
    if (n >= SEG_COUNT || cpu_is_v86(c) || c->seg[n].unusable)
        return false;
    c->seg[n].base = v;
    cpu_update_mode(c);
    return true;
}

static bool write_table(struct cpu *c, unsigned n, u32 v)
{
    struct table_reg *t = n < TABLE_IDT_BASE ? &c->gdtr : &c->idtr;
    bool limit = n == TABLE_GDT_LIMIT || n == TABLE_IDT_LIMIT;

    if (n > TABLE_IDT_LIMIT || (limit && v > 0xFFFF))
        return false;
    if (limit)
        t->limit = (u16)v;
    else
        t->base = v;
    return true;
}

static bool write_debug(struct cpu *c, unsigned n, u32 v)
{
    if (!model_has(c->model, FEAT_386) || n > 7 || n == 4 || n == 5)
        return false;
    debug_load(c, n, v);
    return true;
}

const char *register_refusal(enum register_kind kind)
{
    static const char *const reasons[] = {
        [REGISTER_READ_ONLY] = "it can only be read",
        [REGISTER_RIP] = "EIP has to lie in the limit of CS",
        [REGISTER_FLAGS] = "VM does not change alone",
        [REGISTER_SELECTOR] = "it has to name a segment that the guest could load here, and CS is "
                              "loaded by transfers only",
        [REGISTER_CONTROL] = "PG needs PE, NW needs CD, PE changes at privilege level 0, CR4 has "
                             "the bits of this processor",
        [REGISTER_BASE] = "virtual-8086 mode and null selectors have no base to set",
        [REGISTER_TABLE] = "limits have 16 bits",
    };

    if ((size_t)kind < ARRAY_LEN(reasons) && reasons[kind])
        return reasons[kind];
    return "there is no such register";
}

bool register_write(struct cpu *c, unsigned kind, unsigned n, const u8 value[REGISTER_BYTES])
{
    u32 v = get_le32(value);

    switch (kind) {
    case REGISTER_GPR:
        if (n < 8)
            c->gpr[n] = v;
        return n < 8;
    case REGISTER_RIP: return write_rip(c, v);
    case REGISTER_FLAGS: return write_flags(c, v);
    case REGISTER_SELECTOR: return n < SEG_COUNT && write_selector(c, n, v);
    case REGISTER_ST:
        if (n < 8)
            memcpy(fpu_st(&c->fpu, n), value, REGISTER_BYTES);
        return n < 8;
    case REGISTER_X87:
        if (n < X87_REGISTERS)
            write_x87(c, n, v);
        return n < X87_REGISTERS;
    case REGISTER_CONTROL: return write_control(c, n, v);
    case REGISTER_DEBUG: return write_debug(c, n, v);
    case REGISTER_BASE: return write_base(c, n, v);
    case REGISTER_TABLE: return write_table(c, n, v);
    default: return false;
    }
}
