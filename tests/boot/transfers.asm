; A floppy that keeps every way of moving data busy, again and again: bytes of the serial port in its loop, a command to
; the keyboard, bus-master DMA of the disk while the floppy reads through the 8237, then the disk through the BIOS, which
; moves the words itself. For snapshot_test.py; needs a disk of 1 MiB at least, whose sectors 256-511 it writes.
bits 16
org 0x7C00
%define CONFIG_ADDRESS 0xCF8
%define CONFIG_DATA 0xCFC
%define IDE_FUNCTION 0x80000900 ; bus 0, device 1, function 1
%define PRD_TABLE 0x9000
%define DISK_BUFFER 0x20000     ; 64 KiB
%define FLOPPY_BUFFER 0x1000    ; segment

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7C00
        sti
        mov ax, 0x0203          ; what does not fit in the first sector
        mov bx, 0x7E00
        mov cx, 2
        mov dx, 0
        int 0x13
        jc $
        jmp start
        times 510 - ($ - $$) db 0
        dw 0xAA55

bus_master:                     ; at 7E00h, where the test looks
        dw 0
start:  mov eax, IDE_FUNCTION | 4
        call config
        in eax, dx
        or al, 5                ; bus master and I/O
        out dx, eax
        mov eax, IDE_FUNCTION | 0x20
        call config
        in eax, dx
        and al, 0xFC
        mov [bus_master], ax
        mov di, PRD_TABLE       ; regions of uneven lengths: 64 KiB together
        mov eax, DISK_BUFFER
        mov cx, [lengths_count]
        mov si, lengths
.region:
        stosd
        push eax
        movzx eax, word [si]
        add si, 2
        mov [di], eax
        pop eax
        movzx ebx, word [si - 2]
        add eax, ebx
        add di, 4
        loop .region
        or byte [di - 1], 0x80  ; the last one
        in al, 0x21
        or al, 2                ; the keyboard and the disk are looked at, not waited for
        out 0x21, al
        in al, 0xA1
        or al, 0x40
        out 0xA1, al
        mov dx, 0x3FB           ; COM1: 9600 8N1, FIFOs, loop
        mov al, 0x83
        out dx, al
        mov dx, 0x3F8
        mov ax, 12
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        mov dx, 0x3FB
        mov al, 3
        out dx, al
        mov dx, 0x3FA
        mov al, 0xC7
        out dx, al
        mov dx, 0x3FC
        mov al, 0x10
        out dx, al

again:  call serial
        mov al, 0xED            ; the keyboard's lights
        call keyboard
        mov al, [round]
        and al, 7
        call keyboard
        mov bl, 0xC8            ; READ DMA to memory
        mov bh, 8
        xor cx, cx
        call start_disk
        mov ax, FLOPPY_BUFFER
        mov es, ax
        mov ax, 0x0209          ; half a track while that goes on
        xor bx, bx
        mov ch, [round]
        and ch, 31
        mov cl, 1
        mov dx, 0x0100
        int 0x13
        call serial
        call finish_disk
        mov bl, 0xCA            ; WRITE DMA
        mov bh, 0
        mov cx, 256
        call start_disk
        call serial
        call finish_disk
        xor ax, ax
        mov es, ax
        mov si, packet
        mov ah, 0x42            ; and through the BIOS
        mov dl, 0x80
        int 0x13
        inc byte [round]
        jmp again

config: mov dx, CONFIG_ADDRESS
        out dx, eax
        mov dx, CONFIG_DATA
        ret

; 16 bytes into the transmitter; what came back is taken away before.
serial: mov dx, 0x3FD
        in al, dx
        test al, 1
        jz .send
        mov dx, 0x3F8
        in al, dx
        jmp serial
.send:  test al, 0x20
        jz .done
        mov cx, 16
        mov dx, 0x3F8
.byte:  mov al, cl
        out dx, al
        loop .byte
.done:  ret

; AL to the keyboard, and its answer.
keyboard:
        mov ah, al
.room:  in al, 0x64
        test al, 2
        jnz .room
        mov al, ah
        out 0x60, al
        xor cx, cx
.wait:  in al, 0x64
        test al, 1
        loopz .wait
        in al, 0x60
        ret

; BL: command, BH: direction of the bus master, CX: the first of 128 sectors.
start_disk:
        mov dx, 0x1F7
.busy:  in al, dx
        test al, 0x88
        jnz .busy
        mov dx, [bus_master]
        mov al, 0
        out dx, al
        add dx, 2
        mov al, 6               ; forget the last interrupt
        out dx, al
        add dx, 2
        mov eax, PRD_TABLE
        out dx, eax
        mov dx, 0x1F6
        mov al, 0xE0
        out dx, al
        mov dx, 0x1F2
        mov al, 128
        out dx, al
        inc dx
        mov al, cl
        out dx, al
        inc dx
        mov al, ch
        out dx, al
        inc dx
        mov al, 0
        out dx, al
        mov dx, 0x1F7
        mov al, bl
        out dx, al
        mov dx, [bus_master]
        mov al, bh
        or al, 1
        out dx, al
        ret

finish_disk:
        mov dx, [bus_master]
        add dx, 2
.wait:  in al, dx
        test al, 4
        jz .wait
        sub dx, 2
        mov al, 0
        out dx, al
        mov dx, 0x1F7
        in al, dx
        ret

round         db 0
align 4
lengths       dw 0x1000, 0x0802, 0x37FE, 0x4000, 0x3000, 0x2FF0, 0x1010
lengths_count dw ($ - lengths) / 2
packet        db 16, 0
              dw 96, 0, 0x3000
              dq 64
        times 2048 - ($ - $$) db 0
        times 1474560 - 2048 db 0x6B
