; Virtual-8086 mode and level 3: what IOPL, VME and PVI make of the instructions on flags, of
; interrupts and ports, for all combinations of flags that matter. A line a case:
;
;   mode, IOPL, flags before, instruction, value on the stack |
;   vector, error, CS, EIP, EFLAGS, ESP, SS, two dwords below the stack pointer at the start
;
; Modes: 0 level 3, 1 with PVI, 2 V86, 3 with VME, 4 level 3 with both, 5 V86 with both. Each case
; ends at its HLT, which faults at level 3, in the monitor or in the 8086 program's own handler.
; Known to differ: VIF and VIP together at IOPL 3 (SDM Vol. 3A, "System Flags and Fields in the
; EFLAGS Register": VIP is recognized below IOPL 3 only; Bochs does not ask).

%define SECTORS 16
THE_TSS equ 0x10000
IO_MAP  equ 0x88
USER_SP equ 0x3000              ; in the segment at 20000h
USER_AT equ 0x20000 + USER_SP
%macro TSS_DESC 0
    dw 0x2FFF, THE_TSS & 0xFFFF, 0x8900 | THE_TSS >> 16, 0
%endmacro
%include "matrix.inc"

align 4
mode:   dd 0
iopl:   dd 0
before: dd 0
op:     dd 0
value:  dd 0
fesp:   dd 0
fss:    dd 0

start:
    xor ecx, ecx                ; IVT: vector n at 3000:n, where there is a HLT
.vector:
    mov [ecx * 4], cx
    mov word [ecx * 4 + 2], 0x3000
    mov byte [0x30000 + ecx], 0xF4
    inc ecx
    cmp ecx, 256
    jne .vector
    mov edi, THE_TSS
    mov ecx, 0xC00
    xor eax, eax
    rep stosd
    mov dword [THE_TSS + 4], STACK0
    mov dword [THE_TSS + 8], DATA0
    mov word [THE_TSS + 0x66], IO_MAP
    mov byte [THE_TSS + IO_MAP + 0x80 / 8], 0xFF
    mov byte [THE_TSS + IO_MAP - 32 + 0x21 / 8], 1 << 0x21 % 8
    mov ax, TSS
    ltr ax
.mode:
    mov dword [iopl], 0
.iopl:
    mov dword [before], 0
.before:
    mov dword [op], 0
.op:
    mov dword [value], 0
.value:
    call run
    call print
    inc dword [value]
    cmp dword [value], 16
    jne .value
    inc dword [op]
    mov eax, [op]
    cmp dword [ops + eax * 4], 0
    jne .op
    inc dword [before]
    cmp dword [before], 16
    jne .before
    inc dword [iopl]
    cmp dword [iopl], 4
    jne .iopl
    inc dword [mode]
    cmp dword [mode], 6
    jne .mode
    jmp finish

value_flags:  dd 0x1, 0x200, 0x100, 0x4000          ; CF IF TF NT
before_flags: dd 0x80000, 0x100000, 0x200, 0x800    ; VIF VIP IF OF

; EAX = flags of the table at ESI that the bits of EBX choose.
choose:
    mov eax, 2
    mov ecx, 4
.bit:
    shr ebx, 1
    jnc .clear
    or eax, [esi]
.clear:
    add esi, 4
    loop .bit
    ret

; Modes: CR4, and whether EFLAGS.VM is set.
mode_cr4: db 0, 2, 0, 1, 3, 3
mode_vm:  db 0, 0, 1, 1, 0, 1

run:
    mov [dsp], esp
    mov eax, [mode]
    movzx eax, byte [mode_cr4 + eax]
    mov cr4, eax
    mov edi, USER_AT - 64
    mov ecx, 64
    mov eax, 0x55AA55AA
    rep stosd
    mov ebx, [value]
    mov esi, value_flags
    call choose
    mov edx, eax
    mov ebx, [before]
    mov esi, before_flags
    call choose
    mov esi, [iopl]
    shl esi, 12
    or esi, eax
    mov ebp, [op]
    mov eax, [mode]
    cmp byte [mode_vm + eax], 0
    mov ebx, CODE3 | 3
    je .frame
    xor ebx, ebx
.frame:
    mov [USER_AT], edx          ; for POPF; or a frame for IRET
    cmp dword [ops + ebp * 4], op_iret
    jne .not16
    mov word [USER_AT], op_end
    mov [USER_AT + 2], bx
    mov [USER_AT + 4], dx
.not16:
    cmp dword [ops + ebp * 4], op_iretd
    jne .go
    mov dword [USER_AT], op_end
    mov [USER_AT + 4], ebx
    mov [USER_AT + 8], edx
.go:
    test ebx, ebx
    jz .v86
    push dword DATA3 | 3
    push dword USER_AT
    jmp .enter
.v86:
    or esi, 0x20000
    push dword 0
    push dword 0
    push dword 0
    push dword 0
    push dword 0x2000
    push dword USER_SP
.enter:
    push esi
    push ebx
    push dword [ops + ebp * 4]
    iretd

; The same bytes are 16-bit code in one mode and 32-bit code in the other.
align 4
ops:
    dd op_cli, op_sti, op_pushf, op_popf, op_pushfd, op_iret, op_iretd, op_int20, op_int21, op_int3
    dd op_into, op_in70, op_in80, 0
op_cli:    db 0xFA, 0xF4
op_sti:    db 0xFB, 0xF4
op_pushf:  db 0x9C, 0xF4
op_popf:   db 0x9D, 0xF4
op_pushfd: db 0x66, 0x9C, 0xF4
op_iret:   db 0xCF, 0xF4
op_iretd:  db 0x66, 0xCF, 0xF4
op_int20:  db 0xCD, 0x20, 0xF4
op_int21:  db 0xCD, 0x21, 0xF4
op_int3:   db 0xCC, 0xF4
op_into:   db 0xCE, 0xF4
op_in70:   db 0xE4, 0x70, 0xF4
op_in80:   db 0xE4, 0x80, 0xF4
op_end:    db 0xF4

on_event:
    pop edx
    pop dword [fesp]
    pop dword [fss]
    jmp edx

print:
    KEY [mode], 1
    KEY [iopl], 1
    KEY [before], 1
    KEY [op], 1
    PUT [value], 1
    PUT [vec], 2
    PUT [err], 4
    PUT [fcs], 4
    PUT [feip], 4
    PUT [ffl], 8
    PUT [fesp], 8
    PUT [fss], 4
    PUT [USER_AT - 4], 8
    PUT [USER_AT - 8], 8
    LINE
    ret

    times SECTORS * 512 - ($ - $$) db 0
    times 1440 * 1024 - ($ - $$) db 0
