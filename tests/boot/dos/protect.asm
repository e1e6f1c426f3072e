; PROTECT.COM: switches from DOS to 32-bit protected mode with paging, sums numbers, takes a divide error through an IDT,
; reads memory above 1 MiB through a page that is mapped elsewhere, and comes back to DOS to print what it found.
        bits 16
        org 0x100
        mov ax, cs
        movzx ebx, ax
        shl ebx, 4                      ; linear address of this segment
        mov [back + 3], ax              ; segment of the jump back into real mode
        ; Descriptors that need the base.
        mov eax, ebx
        mov [gdt.code32 + 2], ax
        mov [gdt.data16 + 2], ax
        mov [gdt.code16 + 2], ax
        shr eax, 16
        mov [gdt.code32 + 4], al
        mov [gdt.data16 + 4], al
        mov [gdt.code16 + 4], al
        lea eax, [ebx + gdt]
        mov [gdtr + 2], eax
        lea eax, [ebx + idt]
        mov [idtr + 2], eax
        call open_a20
        cli
        lgdt [gdtr]
        lidt [idtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x08:enter32

open_a20:
        in al, 0x92
        or al, 2
        and al, 0xFE
        out 0x92, al
        ret

        bits 32
enter32:
        mov ax, 0x10
        mov ds, ax
        mov ss, ax
        mov ax, 0x18                    ; flat
        mov es, ax
        movzx esp, sp
        ; Identity map of 4 MiB at 2 MiB; the page at 3 MiB shows what lies at 3 MiB + 4 KiB.
        mov edi, 0x200000
        mov dword [es:edi], 0x201003
        mov ecx, 1023
        lea edi, [edi + 4]
        xor eax, eax
        cld
        rep stosd
        mov ecx, 1024
        mov eax, 3
.entry: stosd
        add eax, 4096
        loop .entry
        mov dword [es:0x301000], 0x52573836
        mov dword [es:0x300000], 0
        mov dword [es:0x201000 + 0x300 * 4], 0x301003
        mov eax, 0x200000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp short .paged
.paged: mov eax, [es:0x300000]
        mov [seen], eax
        ; 1 + 2 + ... + 1000
        xor eax, eax
        mov ecx, 1000
.sum:   add eax, ecx
        loop .sum
        mov [sum], eax
        xor edx, edx
        mov eax, 5
        xor ebx, ebx
divide: div ebx                         ; #DE: the handler counts and steps over it
        mov eax, cr0
        and eax, 0x7FFFFFFF
        mov cr0, eax
        xor eax, eax
        mov cr3, eax
        jmp 0x20:leave32
divide_error:
        inc dword [faults]
        add dword [esp], 2
        iretd

        bits 16
leave32:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov eax, cr0
        and al, 0xFE
        mov cr0, eax
back:   jmp 0:real                      ; the segment is filled in at the start
real:   mov ax, cs
        mov ds, ax
        mov es, ax
        mov ss, ax
        lidt [real_idtr]
        sti
        mov dx, good
        cmp dword [sum], 500500
        jne .bad
        cmp dword [seen], 0x52573836
        jne .bad
        cmp dword [faults], 1
        je .print
.bad:   mov dx, wrong
.print: mov ah, 9
        int 0x21
        mov ax, 0x4C00
        int 0x21

good:   db 'protected mode: all is well', 13, 10, '$'
wrong:  db 'protected mode: something is wrong', 13, 10, '$'
        align 8
sum:    dd 0
seen:   dd 0
faults: dd 0
gdt:    dq 0
.code32: dw 0xFFFF, 0, 0x9A00, 0x00CF
.data16: dw 0xFFFF, 0, 0x9200, 0x0000
.flat:  dw 0xFFFF, 0, 0x9200, 0x00CF
.code16: dw 0xFFFF, 0, 0x9A00, 0x0000
gdtr:   dw $ - gdt - 1
        dd 0
idt:    dw divide_error, 0x08, 0x8E00, 0
idtr:   dw 7
        dd 0
real_idtr: dw 0x3FF
        dd 0
