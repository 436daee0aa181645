/* The expansion ROM of direct boot, made from bios/bootrom.S, as bytes in the program. */
        .section .rodata
        .globl  bootrom, bootrom_end
        .balign 16
bootrom:
        .incbin BOOTROM
bootrom_end:
        .section .note.GNU-stack, "", @progbits
