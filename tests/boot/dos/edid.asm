; A boot sector that asks the VGA BIOS for the monitor's EDID (VBE/DDC, function 4F15h) and prints the answer on COM1 in
; hexadecimal: AX, then the 128 bytes.
bits 16
org 0x7C00

    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7C00
    mov di, block
    mov ax, 0x4F15
    mov bx, 0x0001      ; read EDID
    xor cx, cx
    xor dx, dx          ; block 0
    int 0x10
    mov bx, ax
    mov al, bh
    call hex
    mov al, bl
    call hex
    mov si, block
    mov cx, 128
next:
    lodsb
    call hex
    loop next
    mov al, '.'
    call send
stop:
    hlt
    jmp stop

hex:
    push ax
    shr al, 4
    call digit
    pop ax
digit:
    and al, 15
    add al, '0'
    cmp al, '9'
    jbe send
    add al, 'A' - '9' - 1
send:
    push ax
    mov dx, 0x3FD
wait_empty:
    in al, dx
    test al, 0x20
    jz wait_empty
    pop ax
    mov dx, 0x3F8
    out dx, al
    ret

    times 510 - ($ - $$) db 0
    dw 0xAA55
block:
