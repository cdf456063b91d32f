; SPDX-License-Identifier: BSD-2-Clause
; Where another processor starts: real mode at page AP_BASE >> 12, as a start-up IPI
; has it (SDM vol. 3A 8.4.4), up to ap_main() in long mode.

%include "tests/guest/modes.inc"

global ap_code, ap_code_end, ap_found, ap_stack, ap_index
extern ap_main, page_root, guest_gdt

AP_BASE		equ 0x8000		; where C copies ap_code
CR0_CACHE	equ 3 << 29		; CD, NW
GDT_BYTES	equ 12 * 8

section .text
bits 16
ap_code:
	cli
	cld
	call .here			; what IP was
.here:	pop bx
	sub bx, .here - ap_code
	mov cx, cs
	mov ax, AP_BASE >> 4
	mov ds, ax
	mov edx, cr0
	o32 lgdt [.gdtr - ap_code]
	mov eax, edx
	and eax, ~CR0_CACHE
	or al, CR0_PE
	mov cr0, eax
	jmp dword SEL_CODE32:ap_flat
.gdtr:	dw GDT_BYTES - 1
	dd guest_gdt
ap_code_end:

bits 32
ap_flat:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	movzx ebx, bx
	movzx ecx, cx
	mov [ap_found], ebx
	mov [ap_found + 4], ecx
	mov [ap_found + 8], edx
	mov eax, cr4
	mov [ap_found + 12], eax
	or eax, CR4_PAE
	mov cr4, eax
	EFER_SET EFER_LME
	PAGING_ON
	jmp SEL_CODE64:ap_long
bits 64
ap_long:
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, [ap_stack]
	mov edi, [ap_index]
	call ap_main
	hlt

section .bss
	alignb 8
ap_stack:	resq 1
ap_found:	resd 4			; IP, CS, CR0, CR4 as they were at the start
ap_index:	resd 1

section .note.GNU-stack noalloc noexec nowrite progbits
