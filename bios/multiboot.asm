; Option ROM that starts a multiboot-1 kernel after the firmware's POST.
; Protocol: Multiboot Specification 0.6.96, 3.2 "Machine state", 3.3 "Boot information format". The machine has
; prepared the information block with modules and command line; the memory map comes from the firmware's E820.
        cpu 486
        bits 16
        org 0
%define STACK_TOP 0x1000                ; kernels may be loaded from here on
%include "option_rom.inc"

INFO            equ VARIABLES           ; physical address of the information block
LENGTH          equ VARIABLES + 4
UPPER           equ VARIABLES + 8       ; KiB from 1 MiB up
MAP_SEGMENT     equ VARIABLES + 12      ; of the memory map
SOURCE          equ VARIABLES + 16
TARGET          equ VARIABLES + 20
SIZE            equ VARIABLES + 24
MAP_OFFSET      equ 0x8000              ; of the memory map from the information block
MAP_ENTRIES_MAX equ 128
GDT             equ 0x6A0
GDT_POINTER     equ 0x6C0
FAR_POINTER     equ 0x6C8

        option_rom_header
product:
        db 'Multiboot kernel', 0

bootstrap:
        cld
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK_TOP
        sti
        mov ax, 0x2401                  ; A20 on
        int 0x15
        in al, 0x92
        or al, 2
        and al, 0xFE
        out 0x92, al

        mov bx, SETUP_DATA
        mov cx, SETUP_SIZE
        mov dx, SETUP_ADDRESS
        call load
        mov bx, KERNEL_DATA
        mov cx, KERNEL_SIZE
        mov dx, KERNEL_ADDRESS
        call load
        mov bx, INITRD_DATA
        mov cx, INITRD_SIZE
        mov dx, INITRD_ADDRESS
        call load

        mov ax, SETUP_ADDRESS
        call read_number
        mov [INFO], eax
        shr eax, 4
        mov fs, ax
        add ax, MAP_OFFSET / 16
        mov [MAP_SEGMENT], ax
        call memory_map
        int 0x12
        movzx eax, ax
        mov [fs:4], eax                 ; mem_lower
        mov eax, [UPPER]
        mov [fs:8], eax                 ; mem_upper
        mov eax, [LENGTH]
        mov [fs:44], eax                ; mmap_length
        mov eax, [INFO]
        add eax, MAP_OFFSET
        mov [fs:48], eax                ; mmap_addr
        or dword [fs:0], 0x41           ; flags: mem_* and mmap_* are valid

        mov ax, KERNEL_ADDRESS
        call read_number
        mov [SOURCE], eax
        mov ax, COMMAND_ADDRESS         ; the line is in the block: this says where the kernel goes
        call read_number
        mov [TARGET], eax
        mov ax, KERNEL_SIZE
        call read_number
        mov [SIZE], eax
        mov ax, KERNEL_ENTRY
        call read_number
        mov ebp, eax
        mov esi, [SOURCE]
        mov edi, [TARGET]
        mov ecx, [SIZE]
        mov ebx, [INFO]
        cli
        mov dword [GDT], 0
        mov dword [GDT + 4], 0
        mov dword [GDT + 8], 0x0000FFFF ; code: base 0, 4 GiB, 32 bits
        mov dword [GDT + 12], 0x00CF9A00
        mov dword [GDT + 16], 0x0000FFFF ; data
        mov dword [GDT + 20], 0x00CF9200
        mov word [GDT_POINTER], 23
        mov dword [GDT_POINTER + 2], GDT
        lgdt [GDT_POINTER]
        xor eax, eax
        mov ax, cs
        shl eax, 4
        add eax, flat
        mov [FAR_POINTER], eax
        mov word [FAR_POINTER + 4], 8
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword far [FAR_POINTER]

        bits 32
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        cmp esi, edi                    ; a kernel that lies over vectors and BIOS data is moved there
        je .enter
        rep movsb
.enter: mov eax, 0x2BADB002
        jmp ebp
        bits 16

; E820 entries in the multiboot form (a size before each) from [MAP_SEGMENT]:0 on.
memory_map:
        mov dword [UPPER], 0
        xor ebx, ebx
        xor edi, edi
        mov bp, MAP_ENTRIES_MAX
.next:  mov es, [MAP_SEGMENT]
        mov eax, 0xE820
        mov edx, 0x534D4150             ; "SMAP"
        mov ecx, 20
        push di
        add di, 4
        int 0x15
        pop di
        jc .done
        mov dword [es:di], 20
        cmp dword [es:di + 4], 0x100000
        jne .other
        cmp dword [es:di + 8], 0
        jne .other
        mov eax, [es:di + 12]
        shr eax, 10
        mov [UPPER], eax
.other: add di, 24
        dec bp
        jz .done
        test ebx, ebx
        jnz .next
.done:  mov [LENGTH], edi
        ret

        option_rom_routines
