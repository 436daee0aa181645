; Every access byte of a descriptor, from levels 0 and 3, with RPL 0 and 3, in every instruction that
; takes a selector or goes through a gate. A line a case:
;
;   level, instruction, RPL, access | vector, error, CS, EIP, EFLAGS, EAX, TR, ESP, access byte after
;
; Vector 40h: the instruction came to its end; 41h: a far transfer arrived. Of registers that a 286
; TSS has loaded the lower halves are shown: nobody says what the upper ones are.

%define SECTORS 16
%macro TSS_DESC 0
    dw 0x67, tss, 0x8900, 0
%endmacro
%include "matrix.inc"

align 4
tss:
    dd 0, STACK0, DATA0
    times 22 dd 0
    dd 0x680000
level:  dd 0
op:     dd 0
rpl:    dd 0
access: dd 0
fesp:   dd 0
ftr:    dd 0

start:
    mov ax, TSS
    ltr ax
.level:
    mov dword [op], 0
.op:
    mov dword [rpl], 0
.rpl:
    mov dword [access], 0
.access:
    call build
    call run
    call print
    inc dword [access]
    cmp dword [access], 256
    jne .access
    xor dword [rpl], 3
    jnz .rpl
    inc dword [op]
    mov eax, [op]
    cmp dword [ops + eax * 4], 0
    jne .op
    add dword [level], 3
    cmp dword [level], 3
    je .level
    jmp finish

; The descriptor under test, by its access byte, and gate 55h with the same byte.
build:
    mov eax, [access]
    mov [IDT + 0x55 * 8 + 5], al
    mov word [IDT + 0x55 * 8 + 2], CODE0
    and al, 0x1F
    cmp al, 5
    jne .descriptor
    mov word [IDT + 0x55 * 8 + 2], TSS2
    call fill_tss32
.descriptor:
    mov eax, [access]
    mov byte [tested + 4], 0
    mov [tested + 5], al
    test al, 0x10
    jz .system
    mov dword [tested], 0xFFFF
    mov word [tested + 6], 0xCF
    and al, 0x0C
    cmp al, 4
    jne .done
    mov dword [tested], 0       ; expand-down: valid from 1000h
    mov byte [tested + 6], 0xC0
.done:
    ret
.system:
    mov word [tested + 6], 0
    and al, 15
    cmp al, 2
    je .ldt
    cmp al, 5
    je .task_gate
    test al, 5
    jz .gate
    test al, 4
    jnz .gate
    mov word [tested], 0x67     ; 1, 3, 9, 11: a TSS
    mov word [tested + 2], tss2
    test al, 8
    jnz fill_tss32
    jmp fill_tss16
.gate:
    mov word [tested], arrive
    mov word [tested + 2], CODE0
    ret
.task_gate:
    mov word [tested], 0
    mov word [tested + 2], TSS2
    jmp fill_tss32
.ldt:
    mov word [tested], 0x7F
    mov word [tested + 2], 0x4000
    ret

clear_tss2:
    mov edi, tss2
    xor eax, eax
    mov ecx, 26
    rep stosd
    ret

fill_tss32:
    call clear_tss2
    mov dword [tss2 + 0x04], STACK0
    mov dword [tss2 + 0x08], DATA0
    mov dword [tss2 + 0x20], arrive
    mov dword [tss2 + 0x24], 2
    mov dword [tss2 + 0x38], STACK0
    mov dword [tss2 + 0x48], DATA0
    mov dword [tss2 + 0x4C], CODE0
    mov dword [tss2 + 0x50], DATA0
    mov dword [tss2 + 0x54], DATA0
    ret

fill_tss16:
    call clear_tss2
    mov word [tss2 + 0x0E], arrive
    mov word [tss2 + 0x10], 2
    mov word [tss2 + 0x1A], 0x4000
    mov word [tss2 + 0x22], DATA0
    mov word [tss2 + 0x24], CODE0
    mov word [tss2 + 0x26], DATA16
    mov word [tss2 + 0x28], DATA0
    ret

run:
    mov [dsp], esp
    mov byte [gdt + TSS2 + 5], 0x89
    mov ebx, [op]
    mov ebx, [ops + ebx * 4]
    mov ecx, TESTED
    or ecx, [rpl]
    mov [pointer + 4], cx
    mov eax, 0x11111111
    cmp dword [level], 0
    jne .user
    mov esp, STACK0 - 0x100
    jmp ebx
.user:
    mov si, DATA3
    mov ds, si
    mov es, si
    push dword DATA3 | 3
    push dword STACK3
    push dword 2
    push dword CODE3 | 3
    push ebx
    iretd

arrive:
    int 0x41
stop:
    int 0x40

align 4
pointer:
    dd arrive
    dw 0
align 4
ops:
    dd .mov_ds, .mov_ss, .lar, .lsl, .verr, .verw, .jmp, .call, .retf, .iret, .lldt, .ltr
    dd .pop_fs, .les, .mov_gs, .int, 0
.mov_ds:
    mov ds, cx
    jmp stop
.mov_ss:
    mov ss, cx
    jmp stop
.lar:
    lar eax, cx
    jmp stop
.lsl:
    lsl eax, cx
    jmp stop
.verr:
    verr cx
    jmp stop
.verw:
    verw cx
    jmp stop
.jmp:
    jmp far [pointer]
.call:
    call far [pointer]
    jmp stop
.retf:
    push dword DATA3 | 3
    push dword STACK3 - 64
    push ecx
    push dword arrive
    retf
.iret:
    push dword DATA3 | 3
    push dword STACK3 - 64
    push dword 2
    push ecx
    push dword arrive
    iretd
.lldt:
    lldt cx
    jmp stop
.ltr:
    ltr cx
    jmp stop
.pop_fs:
    push ecx
    pop fs
    jmp stop
.les:
    les eax, [pointer]
    jmp stop
.mov_gs:
    mov gs, cx
    mov eax, [gs:0x7C00]
    jmp stop
.int:
    int 0x55
    jmp stop

; Back to a known state: stack, segments, LDT, task.
on_event:
    pop edx
    mov [fesp], esp
    mov ax, DATA0
    mov ss, ax
    mov esp, STACKD - 0x1000
    mov fs, ax
    mov gs, ax
    xor eax, eax
    lldt ax
    str ax
    mov [ftr], ax
    mov byte [gdt + TSS + 5], 0x89
    mov ax, TSS
    ltr ax
    clts
    jmp edx

print:
    cmp word [ftr], TSS
    je .whole
    test byte [access], 8
    jnz .whole
    movzx eax, word [feax]
    mov [feax], eax
    movzx eax, word [fesp]
    mov [fesp], eax
.whole:
    KEY [level], 1
    KEY [op], 1
    KEY [rpl], 1
    PUT [access], 2
    PUT [vec], 2
    PUT [err], 4
    PUT [fcs], 4
    PUT [feip], 4
    PUT [ffl], 8
    PUT [feax], 8
    PUT [ftr], 4
    PUT [fesp], 8
    movzx eax, byte [tested + 5]
    PUT eax, 2
    LINE
    ret

    times SECTORS * 512 - ($ - $$) db 0
    times 1440 * 1024 - ($ - $$) db 0
