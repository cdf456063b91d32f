; SPDX-License-Identifier: BSD-2-Clause
; From 64-bit mode to the processor's other modes and back (SDM vol. 3A 9.8.5,
; 9.9). Interrupts are off; everything involved lies below 4 GiB and is mapped
; one to one. RDI: struct mode_result, ESI: a device's or other memory.

%include "tests/guest/modes.inc"

global mode_compat32, mode_paging_off, mode_lme_first, mode_real
global real_start, real_end, saved_idt
extern page_root

REAL_RESULT	equ 0x7f00
REAL_VECTOR	equ 0x70

section .text

mode_compat32:
	ENTER32
	TOUCH
	LEAVE32

mode_paging_off:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	mov eax, cr4
	and eax, ~CR4_PAE
	mov cr4, eax
	TOUCH
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	EFER_SET EFER_LME
	PAGING_ON
	LEAVE32

; EFER.LME before CR4.PAE, with an exit between the two.
mode_lme_first:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	mov eax, cr4
	and eax, ~CR4_PAE
	mov cr4, eax
	EFER_SET EFER_LME
	xor eax, eax
	cpuid
	mov ecx, MSR_EFER
	rdmsr
	mov [edi + RESULT_A], eax
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	xor eax, eax
	cpuid
	PAGING_ON
	mov ecx, MSR_EFER
	rdmsr
	mov [edi + RESULT_B], eax
	LEAVE32

mode_real:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	jmp SEL_CODE16:REAL_BASE
from_real:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, ebp
	EFER_SET EFER_LME
	PAGING_ON
	LEAVE32

; Copied to REAL_BASE, so addresses are taken relative to it.
%define REAL(label) (REAL_BASE + label - real_start)
	bits 16
real_start:
	mov ax, SEL_DATA16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov ebp, esp
	mov eax, cr0
	and al, ~CR0_PE
	mov cr0, eax
	jmp 0:REAL(.real)
.real:	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, REAL_STACK
	lidt [REAL(.ivt)]
	mov word [REAL_VECTOR * 4], REAL(.irq)
	mov word [REAL_VECTOR * 4 + 2], 0
	mov dword [REAL_RESULT + RESULT_A], 0
	int REAL_VECTOR
	int REAL_VECTOR
	mov dx, 0xcf8
	mov eax, 0x80000000
	out dx, eax
	in eax, dx
	mov [REAL_RESULT + RESULT_B], eax
	mov ax, 0x7000			; a segment whose base counts
	mov ds, ax
	mov dword [0x10], 0x5eed5eed
	xor ax, ax
	mov ds, ax
	mov ax, 0x7001
	mov es, ax
	mov eax, [es:0]
	mov [REAL_RESULT + RESULT_C], eax
	xor eax, eax
	cpuid
	mov [REAL_RESULT + RESULT_D], ebx
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword SEL_CODE32:from_real
.irq:	inc dword [REAL_RESULT + RESULT_A]
	iret
	align 4
.ivt:	dw 0x3ff
	dd 0
real_end:

section .bss
	alignb 8
saved_idt:	resb 10			; of ENTER32

section .note.GNU-stack noalloc noexec nowrite progbits
