; SPDX-License-Identifier: BSD-2-Clause
; Multiboot 1 (0.6.96, section 3.1) and Multiboot 2 (2.0, section 3.1) headers.
; The linker script puts them first in the image.

MB1_MAGIC	equ 0x1badb002
MB1_PAGE_ALIGN	equ 1 << 0		; modules on page boundaries
MB1_MEMORY_INFO	equ 1 << 1
MB1_FLAGS	equ MB1_PAGE_ALIGN | MB1_MEMORY_INFO

MB2_MAGIC	equ 0xe85250d6
MB2_ARCH_I386	equ 0			; 32-bit protected mode
MB2_TAG_END	equ 0
MB2_TAG_INFO	equ 1
MB2_TAG_CONSOLE	equ 4
MB2_TAG_FRAMEBUFFER equ 5
MB2_TAG_ALIGN	equ 6
MB2_OPTIONAL	equ 1
MB2_CONSOLE_TEXT equ 1 << 1	; EGA text will do, too
MB2_ANY		equ 0

section .multiboot progbits alloc noexec nowrite align=8

	align 4
mb1_header:
	dd MB1_MAGIC
	dd MB1_FLAGS
	dd -(MB1_MAGIC + MB1_FLAGS)

	align 8
mb2_header:
	dd MB2_MAGIC
	dd MB2_ARCH_I386
	dd mb2_end - mb2_header
	dd -(MB2_MAGIC + MB2_ARCH_I386 + (mb2_end - mb2_header))

	align 8
mb2_info:				; what boot/multiboot.c understands
	dw MB2_TAG_INFO, MB2_OPTIONAL
	dd mb2_info_end - mb2_info
	dd 1, 3, 6, 8, 14, 15		; command line, module, memory map, framebuffer, RSDPs
	dd 12				; the system table, which says that this is UEFI
mb2_info_end:

	align 8
	dw MB2_TAG_CONSOLE, MB2_OPTIONAL
	dd 12
	dd MB2_CONSOLE_TEXT

	; For UEFI, which has no text mode. Without the tag GRUB hands over no screen.
	align 8
	dw MB2_TAG_FRAMEBUFFER, MB2_OPTIONAL
	dd 20
	dd MB2_ANY, MB2_ANY, 32		; width, height, bits a pixel

	align 8
	dw MB2_TAG_ALIGN, MB2_OPTIONAL
	dd 8

	align 8
	dw MB2_TAG_END, 0
	dd 8
mb2_end:

section .note.GNU-stack noalloc noexec nowrite progbits
