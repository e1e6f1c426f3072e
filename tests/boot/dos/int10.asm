; A boot sector that walks through the BIOS's video modes: sets each with INT 10h, draws through INT 10h, and waits for a key.
;   graphics: every pixel (x, y) gets the colour (x xor y) and the mode's mask, by "Write Graphics Pixel"
;   text: the mode's number by "Teletype Output"
;   VBE mode 101h: bytes (offset xor bank) through the window at A0000h, with a palette of its own
; Without mode 7: SeaVGABIOS writes its CRT controller values before it moves the controller to 3B4h, where they get lost.
; tests/boot/guests_video.py knows the same patterns.
bits 16
org 0x7C00
start:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7C00
    cld
    mov si, modes
.next:
    lodsb
    cmp al, 0xFF
    je vbe
    mov bl, al
    xor ah, ah
    int 0x10
    lodsb                       ; mask: 0 for text
    mov [mask], al
    lodsw
    mov [width], ax
    lodsw
    mov [height], ax
    cmp byte [mask], 0
    jne graphics
    mov al, bl
    call hex
    jmp wait_key
graphics:
    xor dx, dx
.row:
    xor cx, cx
.pixel:
    mov al, cl
    xor al, dl
    and al, [mask]
    mov ah, 0x0C
    mov bx, 0
    int 0x10
    inc cx
    cmp cx, [width]
    jb .pixel
    inc dx
    cmp dx, [height]
    jb .row
wait_key:
    xor ah, ah
    int 0x16
    jmp start.next

hex:                            ; AL as "mode XX"
    push ax
    push si
    mov si, text
.letter:
    lodsb
    test al, al
    jz .number
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    jmp .letter
.number:
    pop si
    pop ax
    push ax
    shr al, 4
    call .digit
    pop ax
    and al, 15
.digit:
    add al, '0'
    cmp al, '9'
    jbe .put
    add al, 7
.put:
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    ret

vbe:
    mov ax, 0x4F02
    mov bx, 0x101
    int 0x10
    cmp ax, 0x004F
    jne $
    mov dx, 0x3C8
    xor al, al
    out dx, al
    inc dx
    xor cx, cx
.colour:                        ; (i / 4, 63 - i / 4, 5 i mod 64)
    mov al, cl
    shr al, 2
    mov ah, al
    out dx, al
    mov al, 63
    sub al, ah
    out dx, al
    mov al, cl
    mov bl, 5
    mul bl
    and al, 63
    out dx, al
    inc cl
    jnz .colour
    mov ax, 0xA000
    mov es, ax
    xor dx, dx                  ; bank
.bank:
    mov ax, 0x4F05
    xor bx, bx
    int 0x10
    xor di, di
.byte:
    mov ax, di
    xor al, dl
    stosb
    test di, di
    jnz .byte
    inc dx
    cmp dx, 5
    jb .bank
    xor ah, ah
    int 0x16
    mov ax, 0x0003
    int 0x10
    mov al, 0xED                ; "mode ED": the end
    call hex
    jmp $

text: db "mode ", 0
modes:                          ; mode, mask, width, height
%macro entry 4
    db %1, %2
    dw %3, %4
%endmacro
    entry 0x01, 0, 0, 0
    entry 0x03, 0, 0, 0
    entry 0x04, 3, 320, 200
    entry 0x06, 1, 640, 200
    entry 0x0D, 15, 320, 200
    entry 0x0E, 15, 640, 200
    entry 0x10, 15, 640, 350
    entry 0x11, 1, 640, 480
    entry 0x12, 15, 640, 480
    entry 0x13, 15, 320, 200
    db 0xFF
mask: db 0
width: dw 0
height: dw 0
    times 510 - ($ - $$) db 0
    dw 0xAA55
