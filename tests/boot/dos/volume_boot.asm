; Boot sector of a FAT16 volume for the FreeDOS kernel: loads KERNEL.SYS, which lies in one piece, to 0060:0000 and starts it
; with the drive in BL. The test writes the file's first sector and length into the two fields at the end.
        bits 16
        org 0x7C00
        jmp short start
        nop
        times 0x3E - ($ - $$) db 0      ; the BIOS parameter block stays as mkfs made it
start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7C00
        mov ax, 0x1FE0                  ; out of the kernel's way, at the same offset
        mov es, ax
        mov si, 0x7C00
        mov di, si
        mov cx, 256
        rep movsw
        jmp 0x1FE0:moved
moved:  mov ds, ax
        mov ss, ax
        sti
        mov [drive], dl
        mov bp, [count]
next:   mov si, packet
        mov dl, [drive]
        mov ah, 0x42
        int 0x13
        jc failed
        add word [packet + 6], 0x20     ; segment
        inc dword [lba]
        dec bp
        jnz next
        mov bl, [drive]
        jmp 0x0060:0x0000
failed: mov ax, 0x0E00 + 'E'
        int 0x10
        hlt
drive:  db 0
        times 490 - ($ - $$) db 0
packet: db 16, 0
        dw 1                            ; sectors
        dw 0, 0x0060                    ; where to
lba:    dd 0, 0                         ; at offset 498: where the file begins
        times 508 - ($ - $$) db 0
count:  dw 0                            ; at offset 508: its length in sectors
        db 0x55, 0xAA
