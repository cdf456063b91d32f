; SPDX-License-Identifier: BSD-2-Clause
; The SVM world switch (APM vol. 2 15.5, 15.17).

global svm_switch

%include "arch/x86_64/gpr.inc"

bits 64
section .text.svm_switch progbits alloc exec nowrite align=64

; void svm_switch(struct vcpu_regs *rdi, u64 vmcb rsi, u64 host_vmcb rdx)
;
; With V_INTR_MASKING the host's IF at VMRUN decides whether a physical
; interrupt ends the guest's run, so IF is set; GIF is clear from CLGI to STGI
; and holds interrupts and NMIs back everywhere but inside the guest. VMLOAD
; stands between STI and VMRUN because STI's shadow would reach into the guest.
; VMRUN keeps the host's RAX, RSP and RIP; VMLOAD and VMSAVE move FS, GS, TR,
; LDTR and the system-call MSRs.
svm_switch:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	push rdx			; [rsp + 8] host_vmcb
	push rdi			; [rsp] regs
	clgi
	mov rax, rsi
	gpr_load rdi
	mov rdi, [rdi + GPR_RDI]
	sti
	vmload
	vmrun
	vmsave
	cli
	mov rax, [rsp]
	gpr_save rax
	mov [rax + GPR_RDI], rdi
	mov rax, [rsp + 8]
	vmload				; the host's GS and TR before an NMI can come
	stgi
	add rsp, 16
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
