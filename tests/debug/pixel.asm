; A boot sector that draws in the mode MODE. `writer` sets the pixel (or cell) that is asked for; what
; comes behind writes near it: other pixels of the same byte, other planes, what the mode does not show.
; Then it says "drawn" on port E9h and stands still. pixels.py knows the places.
        org 7C00h
        [map symbols pixel.map]

start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 7C00h
        cld

%if MODE = 0x03                         ; text: column 10, row 5
        mov ax, 3
        int 10h
        mov ax, 0B800h
        mov es, ax
        mov di, (5 * 80 + 10) * 2
writer: mov byte [es:di], 'A'
attr:   mov byte [es:di + 1], 1Eh
        mov word [es:di + 2], 1F42h
        mov word [es:di - 2], 1F40h
%elif MODE = 0x04                       ; four colours: pixel 21, 33, which is in the odd bank
        mov ax, 4
        int 10h
        mov ax, 0B800h
        mov es, ax
        mov di, 2000h + 16 * 80 + 21 / 4
writer: mov byte [es:di], 00110000b
        mov byte [es:di + 1], 0FFh
        mov byte [es:di - 2000h], 0FFh
%elif MODE = 0x06                       ; two colours: pixel 21, 32
        mov ax, 6
        int 10h
        mov ax, 0B800h
        mov es, ax
writer: mov byte [es:16 * 80 + 21 / 8], 00000100b
        mov byte [es:16 * 80 + 21 / 8 + 1], 0FFh
%elif MODE = 0x12                       ; 16 colours in planes: pixel 100, 50 by set/reset and bit mask
        mov ax, 12h
        int 10h
        mov ax, 0A000h
        mov es, ax
        mov di, 50 * 80 + 100 / 8
        mov dx, 3CEh
        mov ax, 0F01h                   ; set/reset in all planes
        out dx, ax
        mov ax, 0500h                   ; colour 5
        out dx, ax
        mov ax, 0808h                   ; bit 3: 100 = 12 * 8 + 4
        out dx, ax
        mov al, [es:di]
writer: mov [es:di], al
        mov ax, 0F00h                   ; white
        out dx, ax
        mov ax, 1008h                   ; the pixel beside it, in the same bytes
        out dx, ax
        mov al, [es:di]
        mov [es:di], al
%elif MODE = 0x212                      ; write mode 2, and a map mask
        mov ax, 12h
        int 10h
        mov ax, 0A000h
        mov es, ax
        mov di, 50 * 80 + 100 / 8
        mov dx, 3CEh
        mov ax, 0205h
        out dx, ax
        mov ax, 0808h
        out dx, ax
        mov al, [es:di]
        mov byte [es:di], 0Fh
        mov dx, 3C4h
        mov ax, 0402h                   ; plane 2 only
        out dx, ax
        mov al, [es:di]
writer: mov byte [es:di], 0
        mov ax, 0002h                   ; no plane at all
        out dx, ax
        mov byte [es:di], 3
%elif MODE = 0x112                      ; write mode 1: a copy by the latches
        mov ax, 12h
        int 10h
        mov ax, 0A000h
        mov es, ax
        mov byte [es:0], 8
        mov dx, 3CEh
        mov ax, 0105h
        out dx, ax
        mov cx, 1
        xor si, si
        mov di, 50 * 80 + 100 / 8
writer: es movsb
        mov al, [es:100]
        mov [es:di], al
%elif MODE = 0x312                      ; write mode 3: the byte is the mask
        mov ax, 12h
        int 10h
        mov ax, 0A000h
        mov es, ax
        mov di, 50 * 80 + 100 / 8
        mov dx, 3CEh
        mov ax, 0305h
        out dx, ax
        mov ax, 0A00h
        out dx, ax
        mov al, [es:di]
writer: mov byte [es:di], 00001000b
        mov al, [es:di]
        mov byte [es:di], 11110111b
%elif MODE = 0x0D                       ; 16 colours, 320x200: pixel 100, 50
        mov ax, 0Dh
        int 10h
        mov ax, 0A000h
        mov es, ax
writer: mov byte [es:50 * 40 + 100 / 8], 00001000b
        mov byte [es:50 * 40 + 100 / 8 + 1], 0FFh
%elif MODE = 0x13                       ; 256 colours: pixel 100, 50, and a split screen and panning
        mov ax, 13h
        int 10h
        mov ax, 0A000h
        mov es, ax
        mov di, 50 * 320 + 100
writer: mov byte [es:di], 42
        mov byte [es:di + 1], 43
        mov byte [es:di - 1], 43
%elif MODE = 0x113                      ; the same unchained ("mode X"), one page down, panned by 2
        mov ax, 13h
        int 10h
        mov dx, 3C4h
        mov ax, 0604h                   ; chain-4 off
        out dx, ax
        mov dx, 3D4h
        mov ax, 0014h                   ; doublewords off
        out dx, ax
        mov ax, 0E317h                  ; bytes
        out dx, ax
        mov ax, 400Ch                   ; the picture starts at 4000h
        out dx, ax
        mov ax, 000Dh
        out dx, ax
        mov dx, 3DAh
        in al, dx
        mov dx, 3C0h
        mov al, 33h
        out dx, al
        mov al, 2 * 2                   ; two pixels to the left
        out dx, al
        mov ax, 0A000h
        mov es, ax
        mov dx, 3C4h
        mov ax, 0402h                   ; plane 2: 100 + 2 = 25 * 4 + 2
        out dx, ax
        mov di, 4000h + 50 * 80 + 25
writer: mov byte [es:di], 42
        mov ax, 0B02h                   ; the other planes
        out dx, ax
        mov byte [es:di], 43
        mov ax, 0F02h
        out dx, ax
        mov byte [es:50 * 80 + 25], 44  ; the other page
        mov dx, 3DAh                    ; the start address counts from the next retrace on
.no:    in al, dx
        test al, 8
        jz .no
%elif MODE >= 0x1000                    ; DISPI with MODE - 1000h bits a pixel: pixel 100, 50
%assign BPP MODE & 0FFh
%assign BYTES (BPP + 7) / 8
%if BPP = 4                             ; planes, by the VGA's registers
        mov ax, 12h
        int 10h
%endif
        mov si, regs
        mov cx, 8
.reg:   mov dx, 1CEh
        lodsw
        out dx, ax
        inc dx
        lodsw
        out dx, ax
        loop .reg
        mov ax, 0A000h
        mov es, ax
%if BPP = 4
%assign AT 57 * 125 + 103 / 8
%else
%assign AT (57 * 1000 + 103) * BYTES    ; the offsets are 3 and 7, and a line has 1000 pixels
%endif
        mov dx, 1CEh
        mov ax, 5                       ; the bank
        out dx, ax
        inc dx
        mov ax, AT >> 16
        out dx, ax
        mov di, AT & 0FFFFh
%if MODE & 200h                         ; the same through the linear frame buffer
        mov dx, 0CF8h
        mov eax, 80001010h              ; BAR 0 of the VGA
        out dx, eax
        mov dl, 0FCh
        in eax, dx
        and al, 0F0h
        lea edi, [eax + AT]
        lgdt [gdtr]                     ; a segment of 4 GiB
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, 8
        mov es, bx
        and al, 0FEh
        mov cr0, eax
        xor bx, bx
        mov es, bx
writer: mov dword [es:edi], 123456h
        mov byte [es:edi - 1], 0FFh
        mov dword [es:edi + 4], 0FFFFFFh
%elif MODE & 100h                       ; off and on again, which clears the screen: 143, 89 now
        mov byte [es:di], 42
        mov dx, 1CEh
        mov ax, 4
        out dx, ax
        inc dx
        xor ax, ax
        out dx, ax
        inc ax
writer: out dx, ax
%elif BPP = 4
writer: mov byte [es:di], 1
        mov byte [es:di + 1], 0FFh
        mov dx, 3CEh
        mov ax, 0FE08h                  ; the other pixels of the byte
        out dx, ax
        mov al, [es:di]
        mov byte [es:di], 0FEh
%elif BYTES = 1
writer: mov byte [es:di], 42
        mov byte [es:di + 1], 43
%elif BYTES = 2
writer: mov word [es:di], 1234h
        mov byte [es:di - 1], 43
        mov word [es:di + 2], 1234h
%else
writer: mov dword [es:di], 123456h      ; of 24 bits, the fourth byte is another pixel's
        mov byte [es:di - 1], 0FFh
        mov byte [es:di + 3], 0FFh
%endif
%endif
        mov si, drawn
        mov cx, 6
        mov dx, 0E9h
        rep outsb
        jmp $

drawn:  db "drawn", 10
%if MODE >= 0x1000
regs:   dw 4, 0, 1, 640, 2, 480, 3, BPP
.on:    dw 4, 1, 6, 1000, 8, 3
        dw 9, 7
gdt:    dq 0, 0x008F92000000FFFF
gdtr:   dw 15
        dd gdt
%endif
        times 510 - ($ - $$) db 0
        dw 0AA55h
