; SPDX-License-Identifier: BSD-2-Clause
; Start of the guest tests: from Multiboot 1's 32-bit state (0.6.96 section 3.2)
; to long mode, the descriptor tables, the trap stubs, and the way to ring 3.

%include "tests/guest/selectors.inc"

global guest_entry, guest_gdt, guest_gdtr, guest_tss, guest_tss32, trap_stubs, page_root
global user_enter, user_exit, user_abort, syscall_entry
extern guest_main, guest_trap

MB1_MAGIC	equ 0x1badb002
MB1_FLAGS	equ 3			; aligned modules, memory information
CR0_PG		equ 1 << 31
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
PTE_TABLE	equ 7			; present, writable, user
PTE_2M		equ 0x83		; present, writable, page size
STACK_BYTES	equ 16384

section .multiboot progbits alloc noexec nowrite align=4
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

section .text
bits 32
guest_entry:
	cli
	cld
	mov esp, stack_top
	mov esi, eax			; magic
	mov dword [page_root], page_pdpt + PTE_TABLE
	mov eax, page_pd + PTE_TABLE
	mov edi, page_pdpt
	mov ecx, 4
.pdpt:	mov [edi], eax
	add eax, 4096
	add edi, 8
	loop .pdpt
	mov eax, PTE_2M
	mov edi, page_pd
	mov ecx, 4 * 512
.pd:	mov [edi], eax
	add eax, 2 << 20
	add edi, 8
	loop .pd
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	mov eax, page_root
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
	lgdt [guest_gdtr]
	jmp SEL_CODE64:.long
bits 64
.long:	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov edi, esi
	mov esi, ebx			; Multiboot information
	mov esp, stack_top
	call guest_main
	hlt

; One stub a vector: error code (or 0), vector, common part.
%macro STUB 1
	align 16
%if %1 = 8 || (%1 >= 10 && %1 <= 14) || %1 = 17 || %1 = 21 || %1 = 29 || %1 = 30
%else
	push qword 0
%endif
	push qword %1
	jmp trap_common
%endmacro

	align 16
trap_stubs:
%assign i 0
%rep 256
	STUB i
%assign i i + 1
%endrep

trap_common:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
	mov rdi, rsp
	call guest_trap
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

; u64 user_enter(u64 rip, u64 rsp, u64 rflags, u64 arg): run in ring 3 with RDI =
; arg until it executes INT 81h (user_exit) or a trap leads to user_abort.
user_enter:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [user_kernel_rsp], rsp
	push qword SEL_USER_DATA
	push rsi
	push rdx
	push qword SEL_USER_CODE
	push rdi
	mov rdi, rcx
	iretq

user_exit:
user_abort:
	mov rsp, [user_kernel_rsp]
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; SYSCALL lands here with RCX = RIP, R11 = RFLAGS: says so in RAX and returns.
syscall_entry:
	mov eax, 0x5ca11
	o64 sysret

section .data
	align 16
guest_gdt:
	dq 0
	dq 0x00af9b000000ffff		; SEL_CODE64
	dq 0x00cf93000000ffff		; SEL_DATA
	dq 0x00cf9b000000ffff		; SEL_CODE32
	dq 0x00009b000000ffff		; SEL_CODE16
	dq 0x000093000000ffff		; SEL_DATA16
	dq 0				; SYSRET's base (32-bit user code, not used)
	dq 0x00cff3000000ffff		; SEL_USER_DATA
	dq 0x00affb000000ffff		; SEL_USER_CODE
guest_tss:
	dq 0, 0				; filled in by traps_init()
guest_tss32:
	dq 0				; by legacy.c
guest_gdt_end:
guest_gdtr:
	dw guest_gdt_end - guest_gdt - 1
	dq guest_gdt

section .bss
	alignb 4096
page_root:	resb 4096
page_pdpt:	resb 4096
page_pd:	resb 4 * 4096
	resb STACK_BYTES
stack_top:
user_kernel_rsp: resq 1

section .note.GNU-stack noalloc noexec nowrite progbits
