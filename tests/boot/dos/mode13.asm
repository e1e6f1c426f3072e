; MODE13.COM: mode 13h through the BIOS, a palette and a picture that follow formulas; a key ends it.
;   palette entry i = (i / 4, 63 - i / 4, (i * 5) & 63), pixel (x, y) = (x ^ y) & 255
        bits 16
        org 0x100
        mov ax, 0x13
        int 0x10
        mov dx, 0x3C8
        xor al, al
        out dx, al
        inc dx
        xor bx, bx
.entry: mov al, bl
        shr al, 2
        out dx, al
        mov ah, 63
        sub ah, al
        mov al, ah
        out dx, al
        mov al, bl
        mov ah, 5
        mul ah
        and al, 63
        out dx, al
        inc bl
        jnz .entry
        mov ax, 0xA000
        mov es, ax
        xor di, di
        xor dx, dx                      ; y
.row:   xor cx, cx                      ; x
.pixel: mov al, cl
        xor al, dl
        stosb
        inc cx
        cmp cx, 320
        jb .pixel
        inc dx
        cmp dx, 200
        jb .row
        xor ah, ah
        int 0x16
        mov ax, 3
        int 0x10
        mov ax, 0x4C00
        int 0x21
