/*
 * A boot sector that writes sectors 0, 1, 2 ... of the first hard disk, each with its own number in
 * front, and sends a dot to COM1 for each that the BIOS reports as written. Ends with debug exit
 * code 1 (the program's exit code 3) when SECTORS are written, 2 (5) when the BIOS reports an error.
 */
        .set    SECTORS, 3072
        .set    BUFFER, 0x8000
        .set    COM1, 0x3F8
        .set    LSR, COM1 + 5
        .set    THRE, 0x20
        .set    DEBUG_EXIT, 0x501

        .code16
        .globl  _start
_start: xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7C00, %sp
        sti
        cld
        mov     $BUFFER, %di
        mov     $256, %cx
        mov     $0xA55A, %ax
        rep stosw
next:   mov     number, %eax
        mov     %eax, BUFFER
        mov     %eax, packet + 8
        mov     $packet, %si
        mov     $0x80, %dl
        mov     $0x4300, %ax            /* extended write, no verify */
        int     $0x13
        mov     $2, %al
        jc      end
        mov     $LSR, %dx
1:      in      %dx, %al
        test    $THRE, %al
        jz      1b
        mov     $COM1, %dx
        mov     $'.', %al
        out     %al, %dx
        incl    number
        cmpl    $SECTORS, number
        jb      next
        mov     $LSR, %dx               /* the last dot must have left */
1:      in      %dx, %al
        test    $THRE << 1, %al
        jz      1b
        mov     $1, %al
end:    mov     $DEBUG_EXIT, %dx
        out     %al, %dx
        hlt

        .balign 4
number: .long   0
packet: .byte   16, 0
        .word   1
        .word   BUFFER, 0
        .quad   0

        .org    510
        .word   0xAA55
