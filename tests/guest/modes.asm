; SPDX-License-Identifier: BSD-2-Clause
; From 64-bit mode to the processor's other modes and back (SDM vol. 3A 9.8.5,
; 9.9). Interrupts are off; everything involved lies below 4 GiB and is mapped
; one to one. RDI: struct mode_result, ESI: a device's or other memory.

%include "tests/guest/selectors.inc"

global mode_compat32, mode_paging_off, mode_lme_first, mode_real
global real_start, real_end
extern page_root

CR0_PE		equ 1
CR0_PG		equ 1 << 31
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
RESULT_A	equ 0			; struct mode_result
RESULT_B	equ 4
RESULT_C	equ 8
RESULT_D	equ 12
REAL_BASE	equ 0x8000		; where mode.c copies real_start .. real_end
REAL_STACK	equ 0x7000
REAL_RESULT	equ 0x7f00
REAL_VECTOR	equ 0x70

section .text

; Into a 32-bit code segment: compatibility mode.
%macro ENTER32 0
	bits 64
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	push qword SEL_CODE32
	push qword %%in
	o64 retf
	bits 32
%%in:	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
%endmacro

%macro LEAVE32 0
	jmp SEL_CODE64:%%out
	bits 64
%%out:	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, esp			; upper halves are undefined after the switch
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret
%endmacro

%macro EFER_SET 1
	mov ecx, MSR_EFER
	rdmsr
	or eax, %1
	wrmsr
%endmacro

%macro EFER_CLEAR 1
	mov ecx, MSR_EFER
	rdmsr
	and eax, ~%1
	wrmsr
%endmacro

%macro PAGING_OFF 0
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
%endmacro

%macro PAGING_ON 0
	mov eax, page_root
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
%endmacro

; Accesses at ESI from 32-bit code.
%macro TOUCH 0
	mov dword [esi], 0x11223344
	mov eax, [esi]
	mov [edi + RESULT_A], eax
	movzx eax, word [esi + 2]
	mov [edi + RESULT_B], eax
	add byte [esi + 1], 0x10
	mov ebx, 2
	mov eax, [esi + ebx * 2 - 4]
	mov [edi + RESULT_C], eax
	xor eax, eax
	cpuid
	mov [edi + RESULT_D], ebx
%endmacro

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
	sidt [saved_idt]
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
	lidt [saved_idt]		; 6 bytes here, 10 below
	jmp SEL_CODE64:.long
	bits 64
.long:	lidt [saved_idt]
	push qword SEL_CODE32
	push qword .again
	o64 retf
	bits 32
.again:	LEAVE32

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
saved_idt:	resb 10

section .note.GNU-stack noalloc noexec nowrite progbits
