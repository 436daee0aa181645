/*
 * The expansion ROM that starts a kernel without a boot disk. The firmware finds it in fw_cfg
 * (genroms/) and boots it through its bootstrap entry vector.
 *
 * Through fw_cfg's DMA it reads a plan, then all pieces that the plan lists straight to their
 * places, above 1 MiB too; then it jumps the way the plan says. devices/board/boot.c writes plans.
 *
 *   plan:  0  u16 pieces   2  u16 kind: 0 Linux, 1 multiboot
 *          4  u32 entry: real-mode segment of Linux's setup code, or the multiboot entry point
 *          8  u32 address of the multiboot information
 *         12  u32 address for the memory map
 *         16  pieces of 12 bytes: u16 key, u16 0, u32 length, u32 address
 *
 * Sources: Plug and Play BIOS Specification 1.0A, "Option ROMs"; QEMU, "Firmware Configuration
 * (fw_cfg) Device"; Linux, "The Linux/x86 Boot Protocol"; Multiboot Specification 0.6.96.
 */
        .set    DMA, 0x7C00             /* control, length, address: 16 bytes, big endian */
        .set    PLAN, 0x7E00
        .set    PLAN_MAX, 512
        .set    PLAN_KEY, 0x18
        .set    FW_CFG_DMA, 0x514
        .set    DMA_READ_SELECT, 0x0A

        .code16
        .globl  _start
_start: .byte   0x55, 0xAA
        .byte   ROM_SIZE / 512
init:   xor     %ax, %ax                /* nothing to set up */
        lret
        .org    0x1A
        .word   pnp
        .org    0x20
pnp:    .ascii  "$PnP"
        .byte   1, 2                    /* version, length / 16 */
        .word   0                       /* no other header */
        .byte   0
        .byte   0                       /* checksum: patched when the ROM is made */
        .long   0
        .word   maker, product
        .byte   0x80, 0, 0              /* other mass storage */
        .byte   0xE4                    /* bootable, read cacheable */
        .word   0, 0, boot, 0, 0
maker:  .asciz  "Bygone"
product: .asciz "Kernel from the command line"
broken: .asciz  "boot: fw_cfg refused a transfer\r\n"

boot:   cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7000, %sp
        sti
        cld
        mov     $PLAN_KEY, %ax
        mov     $PLAN_MAX, %ebx
        mov     $PLAN, %edi
        call    read
        mov     PLAN, %cx
        mov     $PLAN + 16, %si
piece:  mov     (%si), %ax
        mov     4(%si), %ebx
        mov     8(%si), %edi
        call    read
        add     $12, %si
        loop    piece
        cmpw    $0, PLAN + 2
        jne     multiboot

        /* Linux: all segments at the setup code, which starts 200h bytes into it. */
        mov     PLAN + 4, %ax
        cli
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     $0xE000, %sp
        add     $0x20, %ax
        push    %ax
        push    $0
        lret

/* Read %ebx bytes of item %ax to physical address %edi. Keeps %cx and %si. */
read:   shl     $16, %eax
        or      $DMA_READ_SELECT, %eax
        bswap   %eax
        mov     %eax, DMA
        bswap   %ebx
        mov     %ebx, DMA + 4
        movl    $0, DMA + 8
        bswap   %edi
        mov     %edi, DMA + 12
        mov     $FW_CFG_DMA, %dx
        xor     %eax, %eax
        out     %eax, %dx
        mov     $FW_CFG_DMA + 4, %dx
        mov     $DMA, %eax
        bswap   %eax
        out     %eax, %dx
1:      mov     DMA, %eax
        bswap   %eax
        test    $1, %al
        jnz     fail
        test    %eax, %eax
        jnz     1b
        ret

fail:   mov     $broken, %si
1:      mov     %cs:(%si), %al
        inc     %si
        test    %al, %al
        jz      2f
        mov     $0x0E, %ah
        xor     %bx, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

multiboot:
        mov     PLAN + 8, %esi          /* the information, below 64 KiB */
        mov     PLAN + 12, %edi         /* entries: u32 size, then what E820 gives */
        mov     %edi, 48(%si)           /* mmap_addr */
        xor     %ebx, %ebx
1:      push    %si
        mov     $0xE820, %eax
        mov     $0x534D4150, %edx
        mov     $20, %ecx
        movl    $20, (%di)
        add     $4, %di
        int     $0x15
        pop     %si
        jc      2f
        add     $20, %di
        test    %ebx, %ebx
        jnz     1b
        add     $4, %di
2:      sub     $4, %di
        sub     PLAN + 12, %di
        movzwl  %di, %edi
        mov     %edi, 44(%si)           /* mmap_length */
        mov     PLAN + 4, %ebp
        mov     %esi, %ebx
        cli
        mov     $0x2401, %ax            /* A20 on, where the BIOS has not yet */
        push    %ebx
        push    %ebp
        int     $0x15
        pop     %ebp
        pop     %ebx
        cli
        /* A descriptor table of our own in RAM, where the kernel may leave it for a while. */
        xor     %eax, %eax
        mov     %cs, %ax
        shl     $4, %eax
        add     $gdt, %eax
        mov     %eax, DMA + 2
        movw    $23, DMA
        lgdtl   DMA
        xor     %eax, %eax
        mov     %cs, %ax
        shl     $4, %eax
        add     $flat, %eax
        mov     %eax, DMA + 8
        movw    $8, DMA + 12
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   *DMA + 8

        .code32
flat:   mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     $0x7000, %esp
        mov     $0x2BADB002, %eax
        xor     %ecx, %ecx
        xor     %edx, %edx
        jmp     *%ebp

        .balign 8
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF
        .quad   0x00CF93000000FFFF
        .org    ROM_SIZE - 1
        .byte   0                       /* checksum: patched when the ROM is made */
