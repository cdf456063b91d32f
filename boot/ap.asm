; SPDX-License-Identifier: BSD-2-Clause
; Start of the other cores: a start-up IPI begins in real mode in the page that
; smp_init() copied this to, and goes straight to long mode on the early tables.

global ap_trampoline, ap_trampoline_end, ap_ticket, ap_stack
extern early_pml4, early_gdt, ap_main

CR0_PE		equ 1 << 0
CR0_WP		equ 1 << 16
CR0_PG		equ 1 << 31
CR0_CACHE_OFF	equ 3 << 29		; CD and NW, set by INIT
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8

section .rodata
bits 16
ap_trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	o32 lgdt [gdtr - ap_trampoline]
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, early_pml4
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, cr0
	and eax, ~CR0_CACHE_OFF
	or eax, CR0_PE | CR0_WP | CR0_PG
	mov cr0, eax
	jmp dword 0x08:ap_long_mode

gdtr:
	dw 3 * 8 - 1
	dd early_gdt
ap_trampoline_end:

section .text
bits 64
ap_long_mode:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	; One core takes the ticket, its index; a core that comes when nobody
	; waits any more finds 0 and stays here.
	xchg [ap_ticket], eax
	test eax, eax
	jz .halt
	mov rsp, [ap_stack]
	xor ebp, ebp
	mov edi, eax
	call ap_main
.halt:	cli
	hlt
	jmp .halt

section .data
ap_ticket:	dd 0
	align 8
ap_stack:	dq 0

section .note.GNU-stack noalloc noexec nowrite progbits
