/*
 * A boot sector that shuts the processor down: an invalid instruction without an interrupt table.
 * The second time, after a reset, it finds its mark in the RTC's memory and ends with debug exit
 * code 1 (the program's exit code 3).
 */
        .set    RTC, 0x70
        .set    PLACE, 0x7E             /* no BIOS uses this byte */
        .set    MARK, 0x5A
        .set    DEBUG_EXIT, 0x501

        .code16
        .globl  _start
_start: cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     $PLACE, %al
        out     %al, $RTC
        in      $RTC + 1, %al
        cmp     $MARK, %al
        je      again
        mov     $MARK, %al
        out     %al, $RTC + 1
        mov     $12, %cx                /* more control transfers than the report shows */
1:      int     $0x11                   /* equipment list: changes only AX */
        loop    1b
        lidt    none
        .globl  the_end
the_end: ud2
again:  mov     $1, %al
        mov     $DEBUG_EXIT, %dx
        out     %al, %dx
        hlt
none:   .word   0
        .long   0

        .org    510
        .word   0xAA55
