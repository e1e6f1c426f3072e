; Option ROM that starts a Linux kernel after the firmware's POST, with BIOS services alive.
; Protocol: Linux, Documentation/arch/x86/boot.rst, "Loading The Rest of The Kernel" and "Running the Kernel".
; The machine has prepared the setup header; only the initial RAM disk's place is decided here, because only the
; firmware's E820 map tells which memory is left.
        cpu 486
        bits 16
        org 0
%include "option_rom.inc"

LOWEST          equ VARIABLES           ; limits for the initial RAM disk, both inclusive
HIGHEST         equ VARIABLES + 4
SIZE            equ VARIABLES + 8
BEST            equ VARIABLES + 12

        option_rom_header
product:
        db 'Linux kernel', 0

bootstrap:
        cld
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK_TOP
        sti
        mov bx, SETUP_DATA
        mov cx, SETUP_SIZE
        mov dx, SETUP_ADDRESS
        call load
        mov bx, COMMAND_DATA
        mov cx, COMMAND_SIZE
        mov dx, COMMAND_ADDRESS
        call load
        mov bx, KERNEL_DATA
        mov cx, KERNEL_SIZE
        mov dx, KERNEL_ADDRESS
        call load

        mov ax, INITRD_SIZE
        call read_number
        test eax, eax
        jz start
        mov [SIZE], eax
        mov ax, INITRD_ADDRESS          ; two numbers: where it may begin and where it must end
        mov ecx, 8
        mov edi, LOWEST
        call read_item
        call find_place
        mov edi, [BEST]
        test edi, edi
        jz no_room
        mov ecx, [SIZE]
        mov ax, INITRD_DATA
        call read_item
        mov ax, SETUP_ADDRESS
        call read_number
        shr eax, 4
        mov es, ax
        mov eax, [BEST]
        mov [es:0x218], eax             ; ramdisk_image

start:
        mov ax, SETUP_ADDRESS
        call read_number
        mov ebx, eax
        mov ax, COMMAND_ADDRESS
        call read_number
        sub eax, ebx                    ; the stack ends where the command line begins
        sub eax, 16
        shr ebx, 4
        cli
        mov ds, bx
        mov es, bx
        mov fs, bx
        mov gs, bx
        mov ss, bx
        mov esp, eax
        add bx, 0x20                    ; the code follows the boot sector
        push bx
        push word 0
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        retf

; The highest page-aligned place in usable memory below 4 GiB for [SIZE] bytes between [LOWEST] and [HIGHEST]; 0: none.
find_place:
        mov dword [BEST], 0
        xor ebx, ebx
.next:  mov eax, 0xE820
        mov edx, 0x534D4150             ; "SMAP"
        mov ecx, 20
        mov di, E820_ENTRY
        push ds
        pop es
        int 0x15
        jc .done
        cmp dword [E820_ENTRY + 16], 1  ; usable
        jne .more
        cmp dword [E820_ENTRY + 4], 0   ; begins below 4 GiB
        jne .more
        mov esi, [E820_ENTRY]
        mov eax, esi
        add eax, [E820_ENTRY + 8]
        jc .to_limit
        cmp dword [E820_ENTRY + 12], 0
        jne .to_limit
        dec eax                         ; the last byte
        cmp eax, [HIGHEST]
        jbe .fits
.to_limit:
        mov eax, [HIGHEST]
.fits:  inc eax
        jz .more
        sub eax, [SIZE]
        jb .more
        and eax, 0xFFFFF000
        cmp eax, esi
        jb .more
        cmp eax, [LOWEST]
        jb .more
        cmp eax, [BEST]
        jbe .more
        mov [BEST], eax
.more:  test ebx, ebx
        jnz .next
.done:  ret

no_room:
        mov si, no_room_text
        jmp give_up

no_room_text:
        db 13, 10, 'There is not enough memory for the initial RAM disk: give the machine more.', 13, 10, 0

        option_rom_routines
