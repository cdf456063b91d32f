; SPDX-License-Identifier: BSD-2-Clause
; The VMX world switch (SDM vol. 3C 26.4, 27.5).

global vmx_switch
global vmx_switch_exit

%include "arch/x86_64/gpr.inc"

HOST_RSP equ 144			; struct vcpu_hw, vmx.h

VMCS_HOST_RSP equ 0x6c14		; vmx_vmcs.h

VMX_OK		equ 0			; enum vmx_result, arch/vmx.h
VMX_FAIL_INVALID equ 1
VMX_FAIL_VALID	equ 2

bits 64
section .text.vmx_switch progbits alloc exec nowrite align=64

; enum vmx_result vmx_switch(struct vcpu_hw *rdi, bool resume sil)
;
; The processor saves no register of the host but takes RSP and RIP from the
; VMCS, so the stack holds the rest. RSP is the same from call to call as a
; rule, and a VMWRITE costs more than a compare. An exit comes with IF=0, DF=0
; and, after an NMI, with NMIs blocked; the caller sees to that.
vmx_switch:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	push rdi			; [rsp] hw
	cmp rsp, [rdi + HOST_RSP]
	je .rsp_known
	mov [rdi + HOST_RSP], rsp
	mov eax, VMCS_HOST_RSP
	vmwrite rax, rsp
.rsp_known:
	test sil, sil			; nothing below changes ZF before the jump
	mov rax, [rdi + GPR_RAX]
	gpr_load rdi
	mov rdi, [rdi + GPR_RDI]
	jnz .resume
	vmlaunch
	jmp .failed
.resume:
	vmresume
.failed:				; no entry: the registers are the guest's
	mov edi, VMX_FAIL_INVALID
	mov esi, VMX_FAIL_VALID
	cmovnc edi, esi
	mov eax, edi
	add rsp, 8
	jmp .leave

align 16
vmx_switch_exit:
	push rdi
	mov rdi, [rsp + 8]
	mov [rdi + GPR_RAX], rax
	gpr_save rdi
	pop rax
	mov [rdi + GPR_RDI], rax
	mov eax, VMX_OK
	add rsp, 8
vmx_switch.leave:
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
