/*
 * The tour: a bootable floppy that shows what a PC has, and what else to try in Bygone. Boots on
 * any AT with VGA; needs nothing beyond the BIOS, the VGA's registers and the speaker's.
 *
 *   sector 0        boot sector and BIOS parameter block: to DOS this is a FAT12 floppy
 *   sectors 1-63    the program, in the sectors that the parameter block reserves
 *   sectors 64-95   two FATs, the root folder
 *   sector 96       README.TXT
 *
 * The program waits with HLT everywhere: on an idle page the host has nothing to do.
 * Sources: Microsoft, "FAT: General Overview of On-Disk Format"; IBM, "PS/2 and PC BIOS Interface
 * Technical Reference" (INT 10h, 13h, 15h, 16h, 1Ah).
 */
        .code16
        .arch   i286
        .set    SECTOR, 512
        .set    RESERVED, 64
        .set    FAT_SECTORS, 9
        .set    ROOT_ENTRIES, 224
        .set    BASE, 0x7C00
        .set    TEXT_SEGMENT, 0xB800
        .set    GRAPHICS_SEGMENT, 0xA000

        .globl  _start
_start: jmp     boot
        .org    3
        .ascii  "BYGONE  "
        .word   SECTOR
        .byte   1                       /* sectors in a cluster */
        .word   RESERVED
        .byte   2                       /* FATs */
        .word   ROOT_ENTRIES
        .word   2880
        .byte   0xF0                    /* 3.5", 1.44 MB */
        .word   FAT_SECTORS
spt:    .word   18
heads:  .word   2
        .long   0, 0
drive:  .byte   0, 0, 0x29
        .long   0x19811981              /* serial number */
        .ascii  "BYGONE TOUR"
        .ascii  "FAT12   "

boot:   cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $BASE, %sp
        sti
        cld
        ljmp    $0, $1f
1:      mov     %dl, drive
        mov     $0x08, %ah              /* geometry, as the BIOS sees it */
        push    %es
        int     $0x13
        pop     %es
        jc      load
        and     $0x3F, %cx
        jz      load
        mov     %cx, spt
        mov     %dh, %al
        xor     %ah, %ah
        inc     %ax
        mov     %ax, heads

        /* One sector at a time: no track's end to mind. %si is the sector's number. */
load:   mov     $1, %si
        mov     $BASE + SECTOR, %bx
next:   mov     $4, %di                 /* attempts: the motor may still be starting */
again:  mov     %si, %ax
        xor     %dx, %dx
        divw    spt
        mov     %dl, %cl
        inc     %cl
        xor     %dx, %dx
        divw    heads
        mov     %al, %ch
        mov     %dl, %dh
        mov     drive, %dl
        mov     $0x0201, %ax
        int     $0x13
        jnc     loaded
        xor     %ah, %ah
        mov     drive, %dl
        int     $0x13
        dec     %di
        jnz     again
        mov     $unread, %si
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x0E, %ah
        mov     $7, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b
loaded: add     $SECTOR, %bx
        inc     %si
        cmp     $(end - _start + SECTOR - 1) / SECTOR, %si
        jb      next
        jmp     tour
unread: .asciz  "tour: the floppy cannot be read\r\n"
        .org    510
        .word   0xAA55

tour:   call    mouse_find
        mov     $menu, %bx

        /* Pages: %bx names a routine that draws and returns the next one in %bx. */
page:   call    *%bx
        jmp     page

#include "bios/tour_lib.inc"
#include "bios/tour_text.inc"
#include "bios/tour_graphics.inc"
#include "bios/tour_input.inc"
#include "bios/tour_sound.inc"
#include "bios/tour_more.inc"

end:

        /* ---- What DOS sees ---- (.org refuses to go back: the program fits) */
        .macro  fat
        .byte   0xF0, 0xFF, 0xFF
        .byte   0xFF, 0x0F              /* cluster 2 is the file's first and last */
        .endm
        .org    RESERVED * SECTOR
        fat
        .org    (RESERVED + FAT_SECTORS) * SECTOR
        fat
        .org    (RESERVED + 2 * FAT_SECTORS) * SECTOR
        .ascii  "BYGONE TOUR"
        .byte   0x08
        .zero   20
        .ascii  "README  TXT"
        .byte   0x01                    /* read-only */
        .zero   10
        .word   0, 0x21                 /* 1 January 1980 */
        .word   2
        .long   readme_end - readme
        .org    (RESERVED + 2 * FAT_SECTORS) * SECTOR + ROOT_ENTRIES * 32
readme: .ascii  "This floppy boots: it is a tour of a PC, and comes with Bygone, an emulator.\r\n"
        .ascii  "Its source is bios/tour.S there. Licence: MIT.\r\n"
readme_end:
        .org    (RESERVED + 2 * FAT_SECTORS + 1) * SECTOR + ROOT_ENTRIES * 32
