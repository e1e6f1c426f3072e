; A boot sector for gdb_bootsector.py: a stack, a segment other than zero, a counter, the screen, an interrupt and a port.
bits 16
org 0x7C00
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7C00
entry:  mov ax, 0x1234
        push ax
        call sub
back:   pop bx
        mov cx, 5
count:  inc word [0x0600]
        add [0x0602], cx
        loop count
counted:
        mov ax, 0xB800
        mov es, ax
        mov di, 160
        mov word [es:di], 0x1F41
drawn:  mov ax, 0x0E42          ; teletype
        mov bx, 7
        int 0x10
shown:  mov al, 0x5A
        out 0x80, al
        fninit
        fld1
        fldpi
        faddp
        mov ax, 0x8000          ; the same bytes in another segment
        mov fs, ax
        mov dword [fs:0x10], 0xDEADBEEF
        mov eax, [fs:0x10]
        cli
        hlt
sub:    inc byte [0x0610]
        ret
        times 510 - ($ - $$) db 0
        dw 0xAA55
