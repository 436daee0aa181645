/*
 * The numeric processor in words. Source: SDM Vol. 1, "x87 FPU Control Word", "x87 FPU Status
 * Register", "x87 FPU Tag Word", "Double Extended-Precision".
 */
#include "devices/board/info_fpu.h"

#include "base/bytes.h"
#include "cpu/fpu.h"
#include "devices/board/board.h"
#include "devices/board/report.h"

#include <math.h>
#include <stdio.h>

enum { EXPONENT_BIAS = 16383, FRACTION_BITS = 63, EXPONENT_ONES = 0x7FFF, TAG_EMPTY = 3 };

static void say_bits(struct report *r, u32 bits)
{
    static const char *const names[] = {"IE", "DE", "ZE", "OE", "UE", "PE", "SF", "ES"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (bits >> i & 1)
            report_say(r, " %s", names[i]);
    if (!(bits & 0xFF))
        report_say(r, " none");
}

/* An 80-bit number as decimal; of those that no double can hold, some ten digits. */
static void number_text(const u8 *raw, char *out, size_t size)
{
    u64 mantissa = get_le64(raw);
    unsigned biased = get_le16(raw + 8) & EXPONENT_ONES;
    const char *sign = raw[9] & 0x80 ? "-" : "";
    int exponent = (int)biased - EXPONENT_BIAS - FRACTION_BITS;
    double logarithm;

    if (biased == EXPONENT_ONES) {
        snprintf(out, size, "%s%s", sign, mantissa << 1 ? "NaN" : "infinity");
    } else if (!mantissa) {
        snprintf(out, size, "%s0", sign);
    } else if (exponent > -1000 && exponent < 900) {
        snprintf(out, size, "%s%.15g", sign, ldexp((double)mantissa, exponent));
    } else {
        logarithm = exponent * log10(2) + log10((double)mantissa);
        snprintf(out, size, "%s%.9fe%+d", sign, pow(10, logarithm - floor(logarithm)),
                 (int)floor(logarithm));
    }
}

static void say_register(struct report *r, const struct fpu *f, unsigned i)
{
    static const char *const tags[] = {"", "", "  special", ""};
    unsigned physical = (f->top + i) & 7, tag = fpu_tag_word(f) >> physical * 2 & 3;
    const u8 *raw = f->reg[physical];
    char number[64];

    number_text(raw, number, sizeof number);
    report_say(r, "st%u  %04x %016llx  %s%s\n", i, get_le16(raw + 8),
               (unsigned long long)get_le64(raw), tag == TAG_EMPTY ? "empty" : number, tags[tag]);
}

void info_fpu(struct board *b, struct report *r)
{
    static const char *const precisions[] = {"24", "reserved,", "53", "64"};
    static const char *const roundings[] = {"to nearest", "down", "up", "towards zero"};
    const struct fpu *f = &b->cpu->fpu;

    report_say(r, "control %04x: precision %s bits, rounds %s, masked", f->cw,
               precisions[f->cw >> 8 & 3], roundings[f->cw >> 10 & 3]);
    say_bits(r, f->cw & CW_MASKS);
    report_say(r, "\nstatus %04x: top %u, C3-C0 %u%u%u%u, flags", f->sw | f->top << SW_TOP_SHIFT,
               f->top, f->sw >> 14 & 1, f->sw >> 10 & 1, f->sw >> 9 & 1, f->sw >> 8 & 1);
    say_bits(r, f->sw & 0xFF);
    report_say(r, "\n");
    for (unsigned i = 0; i < 8; i++)
        say_register(r, f, i);
    report_say(r, "last instruction %04x:%08llx, opcode %03x, operand %04x:%08llx\n", f->fcs,
               (unsigned long long)f->fip, f->fop, f->fds, (unsigned long long)f->fdp);
}
