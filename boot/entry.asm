; SPDX-License-Identifier: BSD-2-Clause
; From the loader's 32-bit protected mode to long mode and boot_main(). The
; loader leaves its magic number in EAX and the address of its information in
; EBX (Multiboot 1 section 3.2, Multiboot 2 section 3.3).

global boot_entry, early_pml4, early_gdt
extern boot_main, boot_stack

COM1		equ 0x3f8
COM_LSR		equ 5
LSR_THRE	equ 1 << 5
COM_SPINS	equ 100000
VGA_TEXT	equ 0xb8000
VGA_WHITE_RED	equ 0x4f

EFLAGS_ID	equ 1 << 21
CPUID_LM	equ 1 << 29		; 80000001h EDX
CPUID_NX	equ 1 << 20
CR0_PG_WP	equ 1 << 31 | 1 << 16
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
EFER_NXE	equ 1 << 11
PTE_TABLE	equ 3			; present, writable
PTE_2M		equ 0x83		; present, writable, page size
EARLY_GIB	equ 4			; what the early tables map
BOOT_STACK_TOP	equ 32768		; struct cpu_stack: where main[] ends (desc.c)

section .entry progbits alloc exec nowrite align=16
bits 32

boot_entry:
	cli
	cld
	mov esp, boot_stack + BOOT_STACK_TOP
	push ebx
	push eax

	; CPUID itself, then its long mode bit
	pushfd
	pop eax
	mov ecx, eax
	xor eax, EFLAGS_ID
	push eax
	popfd
	pushfd
	pop eax
	xor eax, ecx
	test eax, EFLAGS_ID
	jz no_long_mode
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	test edx, CPUID_LM
	jz no_long_mode
	mov ebp, edx

	; identity tables: one PML4 entry, four PDPT entries, 2 MiB pages
	mov dword [early_pml4], early_pdpt + PTE_TABLE
	mov eax, early_pd + PTE_TABLE
	mov edi, early_pdpt
	mov ecx, EARLY_GIB
.pdpt:	mov [edi], eax
	add eax, 4096
	add edi, 8
	loop .pdpt
	mov eax, PTE_2M
	mov edi, early_pd
	mov ecx, EARLY_GIB * 512
.pd:	mov [edi], eax
	add eax, 2 << 20
	add edi, 8
	loop .pd

	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	mov eax, early_pml4
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	test ebp, CPUID_NX
	jz .no_nx
	or eax, EFER_NXE
.no_nx:	wrmsr
	pop edi				; magic
	pop esi				; information
	mov eax, cr0
	or eax, CR0_PG_WP
	mov cr0, eax
	lgdt [early_gdtr]
	jmp 0x08:long_mode

; Say so on the serial line and the VGA screen, and stop.
no_long_mode:
	mov esi, text_no_long_mode
	mov edi, VGA_TEXT
	mov ah, VGA_WHITE_RED
.next:	lodsb
	test al, al
	jz .halt
	stosw
	mov bl, al
	mov ecx, COM_SPINS
	mov edx, COM1 + COM_LSR
.wait:	in al, dx
	test al, LSR_THRE
	loopz .wait
	mov edx, COM1
	mov al, bl
	out dx, al
	jmp .next
.halt:	hlt
	jmp .halt

bits 64
long_mode:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov esp, boot_stack + BOOT_STACK_TOP	; upper half of RSP becomes 0
	xor ebp, ebp			; ends backtraces
	mov edi, edi
	mov esi, esi
	call boot_main
	ud2

section .rodata
text_no_long_mode:
	db "Caisson needs a 64-bit processor: this one has no long mode.", 13, 10, 0

	align 8
early_gdt:
	dq 0
	dq 0x00af9b000000ffff		; 08h 64-bit code
	dq 0x00cf93000000ffff		; 10h data
early_gdtr:
	dw $ - early_gdt - 1
	dd early_gdt

section .bss align=4096
early_pml4:	resb 4096
early_pdpt:	resb 4096
early_pd:	resb 4096 * EARLY_GIB

section .note.GNU-stack noalloc noexec nowrite progbits
