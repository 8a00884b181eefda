# Runs test cases on a processor and tells what became of each: see conftest.py.
#
# A case of 1,024 bytes from standard input: FXSAVE image, 16 registers, flags, 120 bytes of code, 256 of memory. Its code is executed in place and
# ends with a jump to `done`. The answer has the same form, with what a signal handler was told in place of the code.
.intel_syntax noprefix
.globl _start
.text
.set CASES, 0x10000000
.set VARS,  0x30000000
.set OUT,   0x30001000
.set STACK, 0x30008000
.set ALT,   0x30010000
.set SCRATCH, 0x20000800
_start:
    jmp begin
    .balign 16
done:                       # at _start+0x10: where each case ends up
    mov [VARS+8], rsp
    mov rsp, STACK
    pushfq
    push rax
    push 0x202
    popfq
    pop rax
    mov [OUT+512+0], rax
    pop rax
    mov [OUT+640], rax
    mov [OUT+512+8], rcx
    mov [OUT+512+16], rdx
    mov [OUT+512+24], rbx
    mov rax, [VARS+8]
    mov [OUT+512+32], rax
    mov [OUT+512+40], rbp
    mov [OUT+512+48], rsi
    mov [OUT+512+56], rdi
    mov [OUT+512+64], r8
    mov [OUT+512+72], r9
    mov [OUT+512+80], r10
    mov [OUT+512+88], r11
    mov [OUT+512+96], r12
    mov [OUT+512+104], r13
    mov [OUT+512+112], r14
    mov [OUT+512+120], r15
    fxsave [OUT]
    cld
    xor eax, eax
    mov rdi, OUT+648
    mov ecx, 15
    rep stosq
emit:
    mov rsi, SCRATCH
    mov rdi, OUT+768
    mov ecx, 32
    rep movsq
    mov eax, 1
    mov edi, 1
    mov esi, OUT
    mov edx, 1024
    syscall
next:
    mov rbx, [VARS]
    add rbx, 1024
run:
    mov [VARS], rbx
    cmp rbx, [VARS+16]
    jae finish
    lea rsi, [rbx+768]
    mov rdi, SCRATCH
    mov ecx, 32
    cld
    rep movsq
    fninit
    fxrstor [rbx]
    lea rax, [rbx+648]
    mov [VARS+24], rax
    mov rsp, STACK
    push [rbx+640]
    mov rcx, [rbx+512+8]
    mov rdx, [rbx+512+16]
    mov rbp, [rbx+512+40]
    mov rsi, [rbx+512+48]
    mov rdi, [rbx+512+56]
    mov r8, [rbx+512+64]
    mov r9, [rbx+512+72]
    mov r10, [rbx+512+80]
    mov r11, [rbx+512+88]
    mov r12, [rbx+512+96]
    mov r13, [rbx+512+104]
    mov r14, [rbx+512+112]
    mov r15, [rbx+512+120]
    mov rax, [rbx+512+0]
    popfq
    mov rsp, [rbx+512+32]
    mov rbx, [rbx+512+24]
    jmp [VARS+24]
handler:                    # edi signal, rsi siginfo, rdx ucontext
    push 0x202
    popfq
    cld
    mov [OUT+648], rdi
    movsxd rax, dword ptr [rsi+8]
    mov [OUT+656], rax
    mov rax, [rsi+16]
    mov [OUT+664], rax
    lea r8, [rdx+40]        # gregs: r8..r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags cs.. err trapno oldmask cr2 fpstate
    mov rax, [r8+13*8]
    mov [OUT+512+0], rax
    mov rax, [r8+14*8]
    mov [OUT+512+8], rax
    mov rax, [r8+12*8]
    mov [OUT+512+16], rax
    mov rax, [r8+11*8]
    mov [OUT+512+24], rax
    mov rax, [r8+15*8]
    mov [OUT+512+32], rax
    mov rax, [r8+10*8]
    mov [OUT+512+40], rax
    mov rax, [r8+9*8]
    mov [OUT+512+48], rax
    mov rax, [r8+8*8]
    mov [OUT+512+56], rax
    mov r9d, 0
1:  mov rax, [r8+r9*8]
    mov [OUT+512+64+r9*8], rax
    inc r9d
    cmp r9d, 8
    jb 1b
    mov rax, [r8+17*8]
    mov [OUT+640], rax
    mov rax, [r8+20*8]
    mov [OUT+672], rax
    mov rax, [r8+19*8]
    mov [OUT+680], rax
    mov rax, [r8+16*8]
    mov [OUT+688], rax
    mov rax, [r8+22*8]
    mov [OUT+696], rax
    mov rax, [r8+18*8]
    mov [OUT+704], rax
    mov rsi, [r8+23*8]
    mov rdi, OUT
    mov ecx, 64
    rep movsq
    mov rsp, STACK
    fninit
    mov rax, 0x1f80
    mov [VARS+40], rax
    ldmxcsr [VARS+40]
    jmp emit
restorer:
    mov eax, 15
    syscall
finish:
    mov eax, 231
    xor edi, edi
    syscall
.macro map address, size, prot
    mov eax, 9
    mov edi, \address
    mov esi, \size
    mov edx, \prot
    mov r10d, 0x32
    mov r8, -1
    xor r9d, r9d
    syscall
.endm
begin:
    map 0x30000000, 0x20000, 3
    map 0x10000000, 0x4000000, 7
    map 0x20000000, 0x2000, 3
    map 0x21000000, 0x1000, 1
    map 0x23000000, 0x1000, 0
    map 0x24000000, 0x1000, 7
    map 0x25000000, 0x1000, 7
    map 0x25001000, 0x1000, 3
    mov eax, 319            # memfd_create
    mov edi, STACK
    xor esi, esi
    syscall
    mov r8, rax
    mov eax, 9
    mov edi, 0x22000000
    mov esi, 0x1000
    mov edx, 3
    mov r10d, 0x11
    xor r9d, r9d
    syscall
    mov rsi, CASES
2:  mov r12, rsi
    xor eax, eax
    xor edi, edi
    mov edx, 0x100000
    syscall
    test rax, rax
    jle 3f
    lea rsi, [r12+rax]
    jmp 2b
3:  mov [VARS+16], r12
    # sigaltstack
    mov rax, ALT
    mov [VARS+64], rax
    mov qword ptr [VARS+72], 0
    mov qword ptr [VARS+80], 0x8000
    mov eax, 131
    mov edi, VARS+64
    xor esi, esi
    syscall
    lea rax, [rip+handler]
    mov [VARS+96], rax
    mov eax, 0x4C000004     # SA_NODEFER | SA_ONSTACK | SA_RESTORER | SA_SIGINFO
    mov [VARS+104], rax
    lea rax, [rip+restorer]
    mov [VARS+112], rax
    mov qword ptr [VARS+120], 0
    lea r12, [rip+signals]
4:  movzx edi, byte ptr [r12]
    inc r12
    test edi, edi
    jz 5f
    mov eax, 13
    mov esi, VARS+96
    xor edx, edx
    mov r10d, 8
    syscall
    jmp 4b
5:  mov rbx, CASES
    jmp run
signals: .byte 4,5,7,8,11,31,0
