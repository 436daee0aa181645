/*
 * What the monitor on the VGA says of itself, at the start of BAR 2: EDID 1.3, one block.
 * 1024x768 is preferred, since it fits in every host's window and in 4 MiB at 32 bits.
 * Source: VESA Enhanced Extended Display Identification Data Standard, Release A, "EDID Data
 * Structure Version 1, Revision 3"; VESA and Industry Standards and Guidelines for Computer
 * Display Monitor Timing, "1024 x 768 at 60 Hz".
 */
#include "devices/video/vga_internal.h"

enum { EDID_BYTES = 128 };

/* All but the checksum. */
static const u8 edid[EDID_BYTES - 1] = {
    0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, /* header */
    0x0B, 0x27, 0x01, 0x00,                         /* maker "BYG", product 1 */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x22,             /* no serial number, year 2024 */
    1, 3,                                           /* version and revision */
    0x08, 32, 24, 120, 0x0E,                        /* analog, 32 x 24 cm, gamma 2.2, RGB */
    0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54, /* sRGB's primaries */
    0xA1, 0x08, 0x00, /* 720x400 70 Hz; 640x480, 800x600, 1024x768 at 60 Hz */
    /* 1280x1024, 1600x1200, 1280x960, 1440x900, 1280x720, 1920x1080, 1680x1050, 1280x800 */
    0x81, 0x80, 0xA9, 0x40, 0x81, 0x40, 0x95, 0x00, 0x81, 0xC0, 0xD1, 0xC0, 0xB3, 0x00, 0x81, 0x00,
    /* 1024x768: 65 MHz, 320 blank (24 + 136 sync), 38 blank (3 + 6 sync), 320 x 240 mm */
    0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x40, 0xF0, 0x10, 0x00,
    0x00, 0x18,
    /* limits: 50-125 Hz, 30-160 kHz, 300 MHz */
    0x00, 0x00, 0x00, 0xFD, 0x00, 50, 125, 30, 160, 30, 0x00, '\n', ' ', ' ', ' ', ' ', ' ', ' ',
    /* name */
    0x00, 0x00, 0x00, 0xFC, 0x00, 'B', 'y', 'g', 'o', 'n', 'e', '\n', ' ', ' ', ' ', ' ', ' ', ' ',
    /* unused descriptor; no extension blocks follow */
    0x00, 0x00, 0x00, 0x10, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

u8 vga_edid_read(u32 offset)
{
    u8 sum = 0;
    unsigned i;

    if (offset < EDID_BYTES - 1)
        return edid[offset];
    if (offset >= EDID_BYTES)
        return 0;
    for (i = 0; i < EDID_BYTES - 1; i++)
        sum += edid[i];
    return (u8)-sum;
}
