; MODEX.COM: the unchained 320x240 mode by registers, from mode 13h; four planes drawn through the map mask, the picture
; shifted by 80 bytes through the start address; a key ends it.
;   pixel (x, y) of the picture in memory = (x + 2 * y) & 255, with the default palette of mode 13h
        bits 16
        org 0x100
        mov ax, 0x13
        int 0x10
        mov dx, 0x3C4
        mov ax, 0x0604                  ; Memory Mode: chain 4 off
        out dx, ax
        mov ax, 0x0100                  ; synchronous reset
        out dx, ax
        mov dx, 0x3C2
        mov al, 0xE3                    ; 25 MHz, 480 lines
        out dx, al
        mov dx, 0x3C4
        mov ax, 0x0300
        out dx, ax
        mov dx, 0x3D4
        mov al, 0x11                    ; unlock registers 0-7
        out dx, al
        inc dx
        in al, dx
        and al, 0x7F
        out dx, al
        dec dx
        mov si, crtc
        mov cx, (crtc.end - crtc) / 2
.crtc:  lodsw
        out dx, ax
        loop .crtc
        mov ax, 0xA000
        mov es, ax
        xor bp, bp                      ; plane
.plane: mov cx, bp
        mov ax, 0x0102
        shl ah, cl
        mov dx, 0x3C4
        out dx, ax
        xor di, di
        xor bx, bx                      ; y
.row:   mov cx, bp                      ; x
.pixel: mov ax, bx
        add ax, ax
        add ax, cx
        stosb
        add cx, 4
        cmp cx, 320
        jb .pixel
        inc bx
        cmp bx, 256
        jb .row
        inc bp
        cmp bp, 4
        jb .plane
        mov dx, 0x3D4
        mov ax, 0x500D                  ; Start Address: one row further
        out dx, ax
        mov ax, 0x000C
        out dx, ax
        xor ah, ah
        int 0x16
        mov ax, 3
        int 0x10
        mov ax, 0x4C00
        int 0x21
crtc:   db 0x06, 0x0D, 0x07, 0x3E, 0x09, 0x41, 0x10, 0xEA, 0x11, 0xAC
        db 0x12, 0xDF, 0x14, 0x00, 0x15, 0xE7, 0x16, 0x06, 0x17, 0xE3
.end:
