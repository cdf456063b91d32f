; SPDX-License-Identifier: BSD-2-Clause
; A Multiboot 1 kernel that looks at what its loader left it (Multiboot 0.6.96
; section 3.2, 3.3) and says so on COM1, a line each:
;     NAME: value in hexadecimal     or     NAME: text
; Then it switches the machine off. Only the loader's state is used: no stack
; and no descriptor table before they are set up here.

MB1_MAGIC	equ 0x1badb002
MB1_FLAGS	equ 3			; modules on pages, memory information
COM1		equ 0x3f8
LSR_THRE	equ 0x20
PM1A_CNT	equ 0x604
SLP_EN		equ 1 << 13
TEST_LOW	equ 0x00012340		; what an A20 line that is off would mix up
TEST_HIGH	equ TEST_LOW + 0x100000 * 3

INFO_FLAGS	equ 0
INFO_MEM_LOWER	equ 4
INFO_MEM_UPPER	equ 8
INFO_CMDLINE	equ 16
INFO_MODS_COUNT	equ 20
INFO_MODS_ADDR	equ 24
INFO_MMAP_LEN	equ 44
INFO_MMAP_ADDR	equ 48
INFO_LOADER	equ 64

%macro SAY 2				; name, register or memory operand
	mov esi, %%text
	call say
	mov eax, %2
	call say_number
	section .rodata
%%text:	db %1, ": ", 0
	section .text
%endmacro

%macro SAY_TEXT 2			; name, operand with the text's address
	mov esi, %%text
	call say
	mov esi, %2
	call say
	call newline
	section .rodata
%%text:	db %1, ": ", 0
	section .text
%endmacro

section .multiboot progbits alloc noexec nowrite align=4
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

section .text
bits 32
global start
start:
	mov [saved.magic], eax
	mov [saved.info], ebx
	mov eax, cr0
	mov [saved.cr0], eax
	mov eax, cr4
	mov [saved.cr4], eax
	mov [saved.cs], cs
	mov [saved.ds], ds
	mov [saved.es], es
	mov [saved.fs], fs
	mov [saved.gs], gs
	mov [saved.ss], ss
	; Flat, up to the end: an access behind a limit would end this guest.
	mov al, [es:0x200000]
	mov al, [fs:0xffffffff]
	mov al, [gs:0xfffffffc]
	mov esp, stack_top
	pushfd
	pop dword [saved.eflags]
	; A20: two addresses a megabyte apart (odd multiple) hold two values.
	mov dword [TEST_LOW], 0x11111111
	mov dword [TEST_HIGH], 0x22222222
	mov eax, [TEST_LOW]
	mov [saved.a20], eax
	; The last bytes of the code segment can be fetched as data through CS.
	mov al, [cs:0xffffffff]

	SAY "magic", [saved.magic]
	SAY "cr0", [saved.cr0]
	SAY "cr4", [saved.cr4]
	SAY "eflags", [saved.eflags]
	SAY "cs", [saved.cs]
	SAY "ds", [saved.ds]
	SAY "es", [saved.es]
	SAY "fs", [saved.fs]
	SAY "gs", [saved.gs]
	SAY "ss", [saved.ss]
	SAY "a20", [saved.a20]

	; A descriptor table of our own, then each register is loaded once: the
	; state behind them is right, not only what was cached in them.
	lgdt [gdtr]
	jmp 0x08:.reloaded
.reloaded:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax

	mov ebp, [saved.info]
	SAY "info", ebp
	SAY "flags", [ebp + INFO_FLAGS]
	SAY "mem_lower", [ebp + INFO_MEM_LOWER]
	SAY "mem_upper", [ebp + INFO_MEM_UPPER]
	SAY_TEXT "cmdline", [ebp + INFO_CMDLINE]
	SAY_TEXT "loader", [ebp + INFO_LOADER]
	call modules
	call memory_map
	mov esi, done
	call say
	mov dx, PM1A_CNT
	mov ax, SLP_EN
	out dx, ax
	cli
	hlt

modules:
	mov ecx, [ebp + INFO_MODS_COUNT]
	mov ebx, [ebp + INFO_MODS_ADDR]
	SAY "modules", ecx
.next:	test dword [ebp + INFO_FLAGS], 1 << 3
	jz .done
	test ecx, ecx
	jz .done
	SAY "module_start", [ebx]
	SAY "module_end", [ebx + 4]
	SAY_TEXT "module_cmdline", [ebx + 8]
	; Its bytes as a sum, each times its place.
	push ecx
	mov esi, [ebx]
	xor edx, edx
	mov edi, 1
.sum:	cmp esi, [ebx + 4]
	jae .summed
	movzx eax, byte [esi]
	imul eax, edi
	add edx, eax
	inc edi
	inc esi
	jmp .sum
.summed:
	mov edi, edx
	SAY "module_sum", edi
	pop ecx
	add ebx, 16
	dec ecx
	jmp .next
.done:	ret

; One line an entry: base and length (low words), type.
memory_map:
	mov ebx, [ebp + INFO_MMAP_ADDR]
	mov edi, ebx
	add edi, [ebp + INFO_MMAP_LEN]
.next:	cmp ebx, edi
	jae .done
	SAY "map_base", [ebx + 4]
	SAY "map_length", [ebx + 12]
	SAY "map_type", [ebx + 20]
	add ebx, [ebx]
	add ebx, 4
	jmp .next
.done:	ret

; Print the text at ESI. Changes EAX, ESI.
say:
	lodsb
	test al, al
	jz .done
	call put
	jmp say
.done:	ret

; Print EAX in hexadecimal and end the line.
say_number:
	push ecx
	push edx
	mov edx, eax
	mov ecx, 8
.digit:	rol edx, 4
	mov eax, edx
	and eax, 15
	mov al, [digits + eax]
	call put
	loop .digit
	pop edx
	pop ecx
newline:
	mov al, 13
	call put
	mov al, 10
	; falls through

; Print AL.
put:
	push edx
	push eax
	mov dx, COM1 + 5
.wait:	in al, dx
	test al, LSR_THRE
	jz .wait
	pop eax
	mov dx, COM1
	out dx, al
	pop edx
	ret

section .rodata
digits:	db "0123456789abcdef"
done:	db "DONE", 13, 10, 0
	align 8
gdt:	dq 0
	dq 0x00cf9b000000ffff
	dq 0x00cf93000000ffff
gdtr:	dw $ - gdt - 1
	dd gdt

section .data
saved:
.magic:	dd 0
.info:	dd 0
.cr0:	dd 0
.cr4:	dd 0
.eflags: dd 0
.cs:	dd 0
.ds:	dd 0
.es:	dd 0
.fs:	dd 0
.gs:	dd 0
.ss:	dd 0
.a20:	dd 0

section .bss
	resb 4096
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
