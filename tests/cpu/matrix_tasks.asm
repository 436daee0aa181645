; Task switches to a level 3 task in whose TSS one selector is under test: every access byte, all four
; RPLs (3 for CS, which makes the level), by JMP, CALL and a task gate. A line a case:
;
;   way, field, RPL, access |
;   vector, error, CS, EIP, EFLAGS, TR, busy bytes of both TSSs, CR0, LDTR, access byte after
;
; Vector 40h: the new task runs. Faults are taken on the level 0 stack of the new task. Known to differ:
; absent data segments of an inner level (SDM Vol. 3A, "Exception Conditions Checked During a Task
; Switch": presence comes first on the P6 family; Bochs looks at the level first).

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
way:    dd 0
field:  dd 0
rpl:    dd 0
access: dd 0
ftr:    dd 0
fldt:   dd 0
fcr0:   dd 0
fbusy:  dd 0

start:
    mov ax, TSS
    ltr ax
    mov word [IDT + 0x55 * 8 + 2], TSS2
    mov byte [IDT + 0x55 * 8 + 5], 0xE5
.way:
    mov dword [field], 0
.field:
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
    inc dword [rpl]
    cmp dword [rpl], 4
    jne .rpl
    inc dword [field]
    mov eax, [field]
    cmp dword [fields + eax * 4], 0
    jne .field
    inc dword [way]
    cmp dword [way], 3
    jne .way
    jmp finish

; Offsets in the TSS: CS, SS, DS, ES, FS, LDT.
align 4
fields: dd 0x4C, 0x50, 0x54, 0x48, 0x58, 0x60, 0

build:
    mov edi, tss2
    xor eax, eax
    mov ecx, 26
    rep stosd
    mov dword [tss2 + 0x04], STACK0
    mov dword [tss2 + 0x08], DATA0
    mov dword [tss2 + 0x20], arrive
    mov dword [tss2 + 0x24], 2
    mov dword [tss2 + 0x38], STACK3
    mov dword [tss2 + 0x48], DATA3 | 3
    mov dword [tss2 + 0x4C], CODE3 | 3
    mov dword [tss2 + 0x50], DATA3 | 3
    mov dword [tss2 + 0x54], DATA3 | 3
    mov eax, [field]
    mov edi, [fields + eax * 4]
    mov eax, [rpl]
    cmp edi, 0x4C
    jne .level
    mov al, 3
.level:
    or eax, TESTED
    mov [tss2 + edi], eax
    mov eax, [access]
    mov dword [tested], 0xFFFF
    mov byte [tested + 4], 0
    mov [tested + 5], al
    mov word [tested + 6], 0xCF
    and al, 0x1C
    cmp al, 0x14
    jne .done
    mov dword [tested], 0       ; expand-down: valid from 1000h
    mov byte [tested + 6], 0xC0
.done:
    mov byte [gdt + TSS2 + 5], 0x89
    ret

run:
    mov [dsp], esp
    mov esp, STACK0 - 0x100
    cmp dword [way], 1
    jb .jump
    je .call
    int 0x55
.jump:
    jmp TSS2:0
.call:
    call TSS2:0

arrive:
    int 0x40

on_event:
    pop edx
    mov ax, DATA0
    mov ss, ax
    mov esp, STACKD - 0x1000
    mov eax, cr0
    and eax, 15                 ; firmwares differ in the cache bits
    mov [fcr0], eax
    mov ebx, [field]
    mov ebx, [fields + ebx * 4]
    sldt [fldt]
    str [ftr]
    mov al, [gdt + TSS + 5]
    mov ah, [gdt + TSS2 + 5]
    mov [fbusy], eax
    xor ax, ax
    mov fs, ax
    mov gs, ax
    lldt ax
    mov byte [gdt + TSS + 5], 0x89
    mov ax, TSS
    ltr ax
    clts
    jmp edx

print:
    KEY [way], 1
    KEY [field], 1
    KEY [rpl], 1
    PUT [access], 2
    PUT [vec], 2
    PUT [err], 4
    PUT [fcs], 4
    PUT [feip], 4
    PUT [ffl], 8
    PUT [ftr], 4
    PUT [fbusy], 4
    PUT [fcr0], 1
    PUT [fldt], 4
    movzx eax, byte [tested + 5]
    PUT eax, 2
    LINE
    ret

    times SECTORS * 512 - ($ - $$) db 0
    times 1440 * 1024 - ($ - $$) db 0
