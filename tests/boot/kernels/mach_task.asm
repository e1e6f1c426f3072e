; A first task for GNU Mach: it prints through the debugger's trap, asks a thousand times for its own port, and ends with a
; page fault that nobody handles.
; Traps are far calls through the call gate in the task's LDT (7 = first entry, ring 3); the kernel looks at EAX alone.
; GNU Mach, "kern/syscall_sw.c": mach_print is trap 30 (kernels with the debugger only), mach_task_self is trap 28.
bits 32
global _start

section .text
_start:
    push text
    call mach_print
    add esp, 4
    call mach_task_self
    mov [port], eax
.again:
    call mach_task_self
    cmp eax, [port]
    jne .wrong
    inc dword [count]
    cmp dword [count], 1000
    jb .again
    push done
    call mach_print
    mov eax, [0]
.wrong:
    jmp $

mach_print:
    mov eax, -30
    call 7:0
    ret

mach_task_self:
    mov eax, -28
    call 7:0
    ret

section .data
count dd 0
port  dd 0
text  db "a task of ", 0x47, "NU Mach speaks", 10, 0
done  db "a thousand traps are over", 10, 0
