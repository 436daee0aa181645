/*
 * The memory map of a PC.
 *
 *   FFFFFFFFh  BIOS ROM, ends at 4 GiB
 *   ...        PCI: frame buffers, APICs, HPET
 *   TOLUD      RAM up to 3 GiB
 *   00100000h  extended memory
 *   000E0000h  BIOS: ROM or, by PAM, RAM
 *   000C0000h  expansion ROMs: nothing or, by PAM, RAM
 *   000A0000h  video memory; RAM while SMRAM is open
 *   00000000h  conventional memory
 *
 * Source: Intel 440FX PCIset data sheet, "System Address Map".
 */
#include "devices/board/board.h"

#include <stdio.h>

enum { VIDEO_BASE = 0xA0000, VIDEO_BYTES = 0x20000, SHADOW_BASE = 0x100000 - BIOS_SHADOW };

bool memory_build(struct board *b, char *err, size_t err_size)
{
    u64 size = b->config->mem_bytes;

    b->ram = physmap_new_frames(b->pm, "ram", size, 0);
    if (!b->ram) {
        snprintf(err, err_size, "memory: the host has no %llu MiB to give; use a smaller --mem",
                 (unsigned long long)(size / MiB));
        b->host_at_fault = true;
        return false;
    }
    physmap_map_frames(b->pm, 0, size, b->ram, true);
    if (size > VIDEO_BASE)
        physmap_map_nothing(b->pm, VIDEO_BASE, VIDEO_BYTES);
    return true;
}

/* Page n from C0000h, where reads and writes go to RAM as the bits of `how` say. */
static void map_pam_page(struct board *b, unsigned n, u8 how)
{
    u64 gpa = PAM_BASE + (u64)n * PAGE_SIZE;
    bool has_ram = gpa < b->config->mem_bytes;
    frame_id ram = has_ram ? b->ram + (frame_id)(gpa >> PAGE_SHIFT) : 0;
    frame_id rom = gpa >= SHADOW_BASE && b->shadow_rom
                       ? b->shadow_rom + (frame_id)((gpa - SHADOW_BASE) >> PAGE_SHIFT)
                       : 0;

    if (b->pam[n] != 0xFF)
        physmap_unmap(b->pm, gpa, PAGE_SIZE);
    b->pam[n] = how;
    physmap_map_split(b->pm, gpa, PAGE_SIZE, how & 1 ? ram : rom, how & 2 ? ram : 0);
}

void memory_pam(void *opaque, u32 start, u32 len, bool read_ram, bool write_ram)
{
    struct board *b = opaque;
    u8 how = (u8)(read_ram | write_ram << 1);

    for (u32 gpa = start; gpa < start + len; gpa += PAGE_SIZE)
        if (b->pam[(gpa - PAM_BASE) >> PAGE_SHIFT] != how)
            map_pam_page(b, (gpa - PAM_BASE) >> PAGE_SHIFT, how);
}

void memory_smram(void *opaque, bool open, bool closed, bool locked, bool enabled)
{
    struct board *b = opaque;
    bool show = open && enabled && !locked && b->config->mem_bytes > VIDEO_BASE;

    if (show == b->smram_open)
        return;
    b->smram_open = show;
    if (show)
        physmap_map_frames(b->pm, VIDEO_BASE, VIDEO_BYTES, b->ram + (VIDEO_BASE >> PAGE_SHIFT),
                           true);
    else
        physmap_unmap_frames(b->pm, VIDEO_BASE, VIDEO_BYTES, b->ram + (VIDEO_BASE >> PAGE_SHIFT));
}

/* Either the keyboard controller or port 92h lets address bit 20 through. */
static void set_a20(void *opaque, unsigned n, bool level)
{
    struct board *b = opaque;

    *(n ? &b->a20_fast : &b->a20_kbd) = level;
    physmap_set_a20(b->pm, b->a20_kbd || b->a20_fast);
}

struct irq_line memory_a20_kbd(struct board *b)
{
    return (struct irq_line){.set = set_a20, .opaque = b, .n = 0};
}

struct irq_line memory_a20_fast(struct board *b)
{
    return (struct irq_line){.set = set_a20, .opaque = b, .n = 1};
}
