/*
 * SMBIOS structures: what inventory programs show about a machine.
 * Source: System Management BIOS Reference Specification 2.8 (DMTF DSP0134), "SMBIOS structure
 * table entry point" and "Structure definitions". Only what is required of every machine is there:
 * system, chassis, processors, memory array, modules, mapped memory, boot information, end.
 */
#include "devices/chipset/smbios.h"

#include "base/bytes.h"
#include "devices/chipset/fwcfg.h"

#include <stdarg.h>
#include <string.h>

enum {
    TABLES_MAX = 8192,
    ANCHOR_BYTES = 31,
    NAME_MAX_BYTES = 48, /* of the processor; CPUID's brand string has as many */

    HANDLE_SYSTEM = 0x100,
    HANDLE_CHASSIS = 0x300,
    HANDLE_PROCESSOR = 0x400,
    HANDLE_ARRAY = 0x1000,
    HANDLE_MODULE = 0x1100,
    HANDLE_MAPPED = 0x1300,
    HANDLE_BOOT = 0x2000,
    HANDLE_END = 0x7F00,

    UNKNOWN = 2, /* the value that many fields use for it */
    SAFE = 3,
    OTHER = 1,
};

struct builder {
    u8 data[TABLES_MAX];
    u32 len;
    u16 count, largest;
};

/* The formatted area of a structure; structure_end adds its strings. */
static u8 *structure_begin(struct builder *b, u8 type, u8 len, u16 handle)
{
    u8 *p = b->data + b->len;

    assert(b->len + len + 256 <= TABLES_MAX);
    p[0] = type;
    p[1] = len;
    put_le16(p + 2, handle);
    return p;
}

/* Strings up to a NULL; the first has number 1. */
static void structure_end(struct builder *b, const char *string, ...)
{
    u32 start = b->len;
    va_list more;

    b->len += b->data[start + 1];
    if (!string)
        b->len++; /* no strings are two zeros all the same */
    va_start(more, string);
    for (; string; string = va_arg(more, const char *)) {
        size_t len = strnlen(string, NAME_MAX_BYTES);

        memcpy(b->data + b->len, string, len);
        b->len += (u32)len + 1;
    }
    va_end(more);
    b->len++;
    b->count++;
    if (b->len - start > b->largest)
        b->largest = (u16)(b->len - start);
}

static void build_system(struct builder *b, const struct smbios_config *config)
{
    u8 *p = structure_begin(b, 1, 27, HANDLE_SYSTEM);

    p[4] = 1; /* manufacturer */
    p[5] = 2; /* product */
    memcpy(p + 8, config->uuid, 16);
    p[24] = 6; /* wake-up: power switch */
    structure_end(b, "Bygone", "PC (i440FX)", NULL);
}

static void build_chassis(struct builder *b)
{
    u8 *p = structure_begin(b, 3, 21, HANDLE_CHASSIS);

    p[4] = 1;
    p[5] = OTHER;
    p[9] = p[10] = p[11] = SAFE; /* boot-up, power supply, thermal */
    p[12] = UNKNOWN;             /* security */
    structure_end(b, "Bygone", NULL);
}

static void build_processor(struct builder *b, const struct smbios_config *config, unsigned n)
{
    u8 *p = structure_begin(b, 4, 42, (u16)(HANDLE_PROCESSOR + n));

    p[4] = 1; /* socket */
    p[5] = 3; /* central processor */
    p[6] = 1; /* family: other */
    p[7] = 2; /* manufacturer */
    put_le32(p + 8, config->cpu_signature);
    put_le32(p + 12, config->cpu_features);
    p[16] = 3; /* version */
    put_le16(p + 20, config->cpu_mhz);
    put_le16(p + 22, config->cpu_mhz);
    p[24] = 0x41;             /* populated, enabled */
    p[25] = OTHER;            /* upgrade */
    put_le16(p + 26, 0xFFFF); /* no cache information */
    put_le16(p + 28, 0xFFFF);
    put_le16(p + 30, 0xFFFF);
    p[35] = p[36] = p[37] = 1; /* cores, enabled, threads */
    put_le16(p + 38, UNKNOWN);
    put_le16(p + 40, OTHER);
    structure_end(b, "CPU", "Bygone", config->cpu_name, NULL);
}

static void build_memory(struct builder *b, u64 ram_bytes)
{
    u8 *p = structure_begin(b, 16, 15, HANDLE_ARRAY);

    p[4] = 3; /* on the board */
    p[5] = 3; /* system memory */
    p[6] = 3; /* no error correction */
    put_le32(p + 7, (u32)(ram_bytes >> 10));
    put_le16(p + 11, 0xFFFE); /* no error information */
    put_le16(p + 13, 1);
    structure_end(b, NULL);

    p = structure_begin(b, 17, 21, HANDLE_MODULE);
    put_le16(p + 4, HANDLE_ARRAY);
    put_le16(p + 6, 0xFFFE);
    put_le16(p + 8, 64); /* bits */
    put_le16(p + 10, 64);
    put_le16(p + 12, (u16)(ram_bytes >> 20));
    p[14] = 9; /* DIMM */
    p[16] = 1; /* locator */
    p[18] = 3; /* DRAM */
    put_le16(p + 19, 1 << 2);
    structure_end(b, "DIMM 0", NULL);

    p = structure_begin(b, 19, 15, HANDLE_MAPPED);
    put_le32(p + 8, (u32)(ram_bytes >> 10) - 1);
    put_le16(p + 12, HANDLE_ARRAY);
    p[14] = 1;
    structure_end(b, NULL);
}

static void build_anchor(u8 anchor[ANCHOR_BYTES], const struct builder *b)
{
    u8 sum = 0;
    unsigned i;

    memcpy(anchor, "_SM_", 4);
    anchor[5] = ANCHOR_BYTES;
    anchor[6] = 2; /* version 2.8 */
    anchor[7] = 8;
    put_le16(anchor + 8, b->largest);
    memcpy(anchor + 16, "_DMI_", 5);
    put_le16(anchor + 22, (u16)b->len);
    put_le16(anchor + 28, b->count);
    anchor[30] = 0x28;
    for (i = 16; i < ANCHOR_BYTES; i++)
        sum += anchor[i];
    anchor[21] = (u8)-sum;
    for (sum = 0, i = 0; i < ANCHOR_BYTES; i++)
        sum += anchor[i];
    anchor[4] = (u8)-sum;
}

void smbios_add(struct device *fwcfg, const struct smbios_config *config)
{
    struct builder b = {0};
    u8 anchor[ANCHOR_BYTES] = {0};
    unsigned i;

    build_system(&b, config);
    build_chassis(&b);
    for (i = 0; i < config->cpus; i++)
        build_processor(&b, config, i);
    build_memory(&b, config->ram_bytes);
    structure_begin(&b, 32, 11, HANDLE_BOOT);
    structure_end(&b, NULL);
    structure_begin(&b, 127, 4, HANDLE_END);
    structure_end(&b, NULL);
    build_anchor(anchor, &b);
    fwcfg_add_file(fwcfg, "etc/smbios/smbios-anchor", anchor, sizeof anchor);
    fwcfg_add_file(fwcfg, "etc/smbios/smbios-tables", b.data, b.len);
}
