; SPDX-License-Identifier: BSD-2-Clause
; Entry of all 256 vectors: make the frame uniform (vector and error code,
; struct trap_frame), save the registers, call trap_dispatch().

global trap_stubs
extern trap_dispatch

bits 64
section .text

; Vectors with an error code: SDM vol. 3A table 6-1; #CP, #VC and #SX as in APM vol. 2 8.2.
%macro stub 1
	align 16
%if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30
%else
	push byte 0
%endif
	push dword %1
	jmp near trap_common
%endmacro

	align 16
trap_stubs:
%assign vector 0
%rep 256
	stub vector
%assign vector vector + 1
%endrep

	align 16
trap_common:
	cld
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
	mov rdi, rsp
	call trap_dispatch		; 22 quadwords on an aligned stack: aligned
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
	add rsp, 16			; vector, error code
	iretq

section .note.GNU-stack noalloc noexec nowrite progbits
