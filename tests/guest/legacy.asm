; SPDX-License-Identifier: BSD-2-Clause
; Interrupts and exits in the modes that came before 64-bit mode (SDM vol. 3A ch. 6,
; 20): what 64-bit code sees of exits, each mode sees through its own kind of
; gate, stack frame and page tables. Everything is noted in one struct legacy_seen.
; Called with interrupts off, EDI: the struct, ESI: memory or a device to TOUCH.

%include "tests/guest/modes.inc"

global legacy_protected32, legacy_paging32, legacy_pae, legacy_protected16, legacy_real
global legacy_v86, legacy_soft32, legacy_irq32, legacy_gp32, legacy_leave_v86
global low_start, low_end, low_soft, low_irq, low_gp
extern page_root, saved_idt, legacy_idtr, legacy_dir, legacy_pdpt_a, legacy_pdpt_b, legacy_tss

LOW_SEEN	equ 0x7f00		; the struct, where 16-bit code reaches it
SOFT		equ 16			; behind TOUCH's results
IRQ		equ 20
GP		equ 24
ERROR		equ 28
CPUID_EBX	equ 32
PORT		equ 36
ALIAS		equ 40

VECTOR_GP	equ 13
VECTOR_IRQ	equ 0x60		; legacy.c has the same
VECTOR_SOFT	equ 0x70
VECTOR_LEAVE	equ 0x71
MSR_NOT_THERE	equ 0x4badf00d
RDMSR_LEN	equ 2
PCI_CF8		equ 0xcf8
ALIAS_VA	equ 1 << 30		; what PDPTE 1 maps
EFLAGS_V86	equ 0x23002		; VM, IOPL 3: INT n goes through the IDT

; Where a label of the code that is copied to REAL_BASE is.
%define LOW(label) (REAL_BASE + label - low_start)

section .text
bits 32
legacy_soft32:
	push eax
	push ebx
	push ecx
	push edx
	xor eax, eax
	cpuid				; an exit below an event
	inc dword [ss:LOW_SEEN + SOFT]
	pop edx
	pop ecx
	pop ebx
	pop eax
	iretd

legacy_irq32:
	inc dword [ss:LOW_SEEN + IRQ]
	iretd

legacy_gp32:
	pop dword [ss:LOW_SEEN + ERROR]
	inc dword [ss:LOW_SEEN + GP]
	add dword [esp], RDMSR_LEN
	iretd

; An interrupt waits for IF, vector IRQ; the MSR raises #GP under the hypervisor.
exercise32:
	lidt [legacy_idtr]
	int VECTOR_SOFT
	sti
	hlt
	cli
	mov ecx, MSR_NOT_THERE
	rdmsr
	push esi
	push edi
	mov esi, port_words
	lea edi, [edi + PORT]
	mov edx, PCI_CF8
	mov ecx, 2
	rep outsd
	mov ecx, 1
	rep insd
	pop edi
	pop esi
	xor eax, eax
	cpuid
	mov [edi + CPUID_EBX], ebx
	ret

legacy_protected32:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	call exercise32
	TOUCH
	jmp leave_legacy

legacy_paging32:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	mov eax, cr4
	and eax, ~CR4_PAE
	or eax, CR4_PSE
	mov cr4, eax
	mov eax, legacy_dir
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
	call exercise32
	TOUCH
	PAGING_OFF
	mov eax, cr4
	and eax, ~CR4_PSE
	or eax, CR4_PAE
	mov cr4, eax
	jmp leave_legacy

; The four PDPTEs are registers: loaded with CR3, and when CR0 or CR4 change.
legacy_pae:
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	mov eax, legacy_pdpt_a
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
	call exercise32
	TOUCH
	mov eax, [ALIAS_VA]
	mov [edi + ALIAS], eax
	mov eax, legacy_pdpt_b
	mov cr3, eax
	mov eax, [ALIAS_VA]
	mov [edi + ALIAS + 4], eax
	xor eax, eax
	cpuid
	mov eax, [ALIAS_VA]
	mov [edi + ALIAS + 8], eax
	mov eax, [legacy_pdpt_a + 8]
	mov [legacy_pdpt_b + 8], eax
	mov eax, cr4
	xor eax, CR4_PGE
	mov cr4, eax
	mov edx, [ALIAS_VA]
	mov [edi + ALIAS + 12], edx
	xor eax, CR4_PGE
	mov cr4, eax
	PAGING_OFF
leave_legacy:
	EFER_SET EFER_LME
	PAGING_ON
	LEAVE32

legacy_v86:
	bits 64
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	lidt [legacy_idtr]
	mov eax, SEL_TSS32
	ltr ax
	mov [legacy_esp], esp
	mov dword [legacy_tss + 4], v86_stack_top
	mov dword [legacy_tss + 8], SEL_DATA
	xor eax, eax
%rep 5
	push eax			; GS, FS, DS, ES, SS
%endrep
	push dword REAL_STACK
	push dword EFLAGS_V86
	push eax
	push dword LOW(low_v86)
	iretd
legacy_leave_v86:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov esp, [legacy_esp]
	jmp leave_legacy

legacy_protected16:
	bits 64
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	lidt [legacy_idtr]
	mov [legacy_esp], esp
	jmp SEL_CODE16:LOW(low_protected16)

legacy_real:
	bits 64
	ENTER32
	PAGING_OFF
	EFER_CLEAR EFER_LME
	mov [legacy_esp], esp
	jmp SEL_CODE16:LOW(low_to_real)

from_16:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, [legacy_esp]
	jmp leave_legacy

; Copied to REAL_BASE. DS is 0 or like it.
%macro DATA16 1
	mov ax, %1
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, REAL_STACK
%endmacro

	bits 16
low_start:
low_protected16:
	DATA16 SEL_DATA16
	call exercise16
	jmp dword SEL_CODE32:from_16

low_to_real:
	DATA16 SEL_DATA16
	mov eax, cr0
	and al, ~CR0_PE
	mov cr0, eax
	jmp 0:LOW(.real)
.real:	DATA16 0
	lidt [LOW(low_ivt)]
	mov dword [VECTOR_SOFT * 4], LOW(low_soft)
	mov dword [VECTOR_IRQ * 4], LOW(low_irq)
	mov dword [VECTOR_GP * 4], LOW(low_gp_real)
	call exercise16
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword SEL_CODE32:from_16

low_v86:
	int VECTOR_SOFT
	sti
	nop
	nop
	cli
	xor eax, eax
	cpuid
	mov [LOW_SEEN + CPUID_EBX], ebx
	int VECTOR_LEAVE

exercise16:
	int VECTOR_SOFT
	sti
	hlt
	cli
	mov ecx, MSR_NOT_THERE
low_rdmsr:
	rdmsr
	mov si, LOW(low_words)
	mov di, LOW_SEEN + PORT
	mov dx, PCI_CF8
	mov cx, 2
	rep outsd
	mov cx, 1
	rep insd
	xor eax, eax
	cpuid
	mov [LOW_SEEN + CPUID_EBX], ebx
	ret

low_soft:
	inc dword [LOW_SEEN + SOFT]
	iret

low_irq:
	inc dword [LOW_SEEN + IRQ]
	iret

; Through a gate there is an error code, in real mode there is none.
low_gp:	pop word [LOW_SEEN + ERROR]
low_gp_real:
	push bp
	mov bp, sp
	cmp word [bp + 2], LOW(low_rdmsr)
	jne .wrong_frame
	inc dword [LOW_SEEN + GP]
	add word [bp + 2], RDMSR_LEN
	pop bp
	iret
.wrong_frame:
	mov dword [LOW_SEEN + ERROR], -1
	add word [bp + 4], RDMSR_LEN
	pop bp
	add sp, 2
	iret

	align 4
low_ivt:
	dw 0x3ff
	dd 0
low_words:
	dd 0x80000008, 0x80000000
low_end:

section .rodata
	align 4
port_words:
	dd 0x80000008, 0x80000000

section .bss
	alignb 16
legacy_esp:	resd 1
	resb 4096
v86_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
