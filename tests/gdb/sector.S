/* A boot sector that counts, for a dialogue with gdb. Loads itself nowhere: it runs where it is. */
        .code16
        .globl  start, add_one, counter
start:  cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $0x7C00, %sp
        fninit
        fldpi
again:  call    add_one
        jmp     again

add_one:
        incw    counter
        ret

        .balign 4
counter:
        .long   0
        .org    510
        .word   0xAA55
