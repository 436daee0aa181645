/* A COM program: asks DOS for its version and keeps it where our tests look, at 40h:F0h. */
        .code16
        .set    MARK_SEGMENT, 0x40
        .set    MARK, 0xF0              /* 16 bytes "for communication between programs" */
        .globl  start, version, keep
start:  mov     $0x30, %ah
        int     $0x21
        mov     %ax, version
        call    keep
        mov     $0x4C00, %ax
        int     $0x21

keep:   push    %ds
        push    $MARK_SEGMENT
        pop     %ds
        movw    $0x1234, MARK
        pop     %ds
        ret

version:
        .word   0
