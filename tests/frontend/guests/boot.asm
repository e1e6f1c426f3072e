; A boot sector for tests of the command line. Prints "hello screen" on the screen and "hello serial" on COM1, then does
; what ACTION names (assembled with -D ACTION=n):
bits 16
org 0x7C00
%define HALT 0
%define TRIPLE_FAULT 1
%define POWER_OFF 2
%define RESET 3
%define DEBUG_EXIT 4
%define ECHO 5                  ; keys to the screen and COM1, COM1 to the screen
%define SPIN 6
%define IDLE 7                  ; halts with interrupts, for ever
%define JUNK 8                  ; jumps into memory that nobody has
%define WRITE 9                 ; writes this sector to the second sector of its drive, again and again
%define WRITE_FAR 10            ; the same at cylinder 200, 98 MiB from the start of a hard disk

start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7C00
    mov [drive], dl
    mov ax, 3
    int 0x10
    xor dx, dx                  ; COM1
    mov ax, 0x00E3              ; 9600 8N1
    int 0x14
    mov si, screen_text
.screen:
    lodsb
    test al, al
    jz .serial
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    jmp .screen
.serial:
    mov si, serial_text
.next:
    lodsb
    test al, al
    jz action
    call send
    jmp .next

action:
%if ACTION == HALT
    cli
    hlt
    jmp action
%elif ACTION == TRIPLE_FAULT
    cli
    lidt [no_idt]
    int3
no_idt: dw 0, 0, 0
%elif ACTION == POWER_OFF
    mov eax, 0x80000B40         ; device 1, function 3, PMBA
    mov dx, 0xCF8
    out dx, eax
    mov dx, 0xCFC
    in eax, dx
    and ax, 0xFFC0
    add ax, 4                   ; PMCNTRL: SUS_TYP 0 is soft off on the PIIX4, SUS_EN
    mov dx, ax
    mov ax, 0x2000
    out dx, ax
    hlt
%elif ACTION == RESET
    mov dx, 0xCF9
    mov al, 0x06
    out dx, al
    hlt
%elif ACTION == DEBUG_EXIT
    mov al, 0x15
    out 0xF4, al
    mov al, 0x77
    out 0x80, al
    cli
    hlt
%elif ACTION == ECHO
.loop:
    mov ah, 1
    int 0x16
    jz .line
    xor ah, ah
    int 0x16
    push ax
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    pop ax
    call send
.line:
    mov dx, 0x3FD
    in al, dx
    test al, 1
    jz .loop
    mov dx, 0x3F8
    in al, dx
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    jmp .loop
%elif ACTION == SPIN
    jmp action
%elif ACTION == IDLE
    sti
    hlt
    jmp action
%elif ACTION == JUNK
    mov al, 0x42
    out 0x80, al
    jmp 0xD000:0x1234
%elif ACTION == WRITE || ACTION == WRITE_FAR
    mov ax, 0x0301              ; one sector
    mov bx, 0x7C00
%if ACTION == WRITE
    mov cx, 0x0002              ; cylinder 0, sector 2
%else
    mov cx, 0xC802              ; cylinder 200
%endif
    mov dh, 0
    mov dl, [drive]
    int 0x13
    mov al, 'W'                 ; written
    jnc .told
    mov al, 'F'                 ; failed
.told:
    call send
    jmp action
%endif

send:                           ; AL to COM1
    mov cl, al
    mov dx, 0x3FD
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov al, cl
    mov dx, 0x3F8
    out dx, al
    ret

drive: db 0
screen_text: db "hello screen ", 0x9C, 13, 10, 0       ; 9Ch is a pound sign in code page 437
serial_text: db 27, "[1mhello", 27, "[0m serial", 13, 10, 0
times 510 - ($ - $$) db 0
dw 0xAA55
