/* SPDX-License-Identifier: BSD-2-Clause */
/* Random accesses to everything that answers, by seed; the same seed does the same again. */
#include "tests/guest-bad/bad.h"

#define ROUNDS 20000
#define PORT_COM1 0x3f8
#define PORT_KEYBOARD 0x64
#define PORT_PM1_CONTROL 0x604
#define PORT_CONFIG 0xcf8

static u64 state;

/* Marsaglia's xorshift64. */
static u64 next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Not those that end the case, or its last line. */
static bool port_is_safe(u16 port)
{
	return (port & 0xfff8) != PORT_COM1 && port != PORT_KEYBOARD &&
	       (port & 0xfffc) != PORT_PM1_CONTROL && (port & 0xfffc) != PORT_CONFIG;
}

static void any_port(void)
{
	static const u16 likely[] = { 0x20,  0xa0,  0x40,  0x60,  0x70,	  0x80,
				      0x4d0, 0x600, 0x608, 0xcfc, 0xc000, 0xc040 };
	u64 r = next();
	u16 port = r & 1 ? (u16)(likely[(r >> 1) % ARRAY_SIZE(likely)] + (r >> 8) % 16)
			 : (u16)(r >> 16);

	if (!port_is_safe(port) || !port_is_safe((u16)(port + 3)))
		return;
	switch (r >> 32 & 7) {
	case 0:
		(void)in8(port);
		break;
	case 1:
		(void)in16(port);
		break;
	case 2:
		(void)in32(port);
		break;
	case 3:
	case 4:
		out8(port, (u8)(r >> 40));
		break;
	case 5:
		out16(port, (u16)(r >> 40));
		break;
	default:
		out32(port, (u32)(r >> 32));
		break;
	}
}

static void any_mmio(void)
{
	static const u32 base[] = { 0xe0000000, 0xe0001000, 0xe0002000, 0xe0003000, 0xf0000000,
				    0xf0008000, 0xf0010000, 0xfec00000, 0xfee00000, 0xffff0000 };
	u64 r = next();
	u64 at = base[r % ARRAY_SIZE(base)] + (r >> 8 & 0xfff);

	switch (r >> 24 & 7) {
	case 0:
		(void)*(volatile u8 *)at;
		break;
	case 1:
		(void)*(volatile u32 *)at;
		break;
	case 2:
		(void)*(volatile u64 *)at;
		break;
	case 3:
		*(volatile u8 *)at = (u8)(r >> 32);
		break;
	case 4:
		*(volatile u16 *)at = (u16)(r >> 32);
		break;
	case 5:
		*(volatile u64 *)at = r;
		break;
	case 6:
		__asm__ volatile("lock xaddl %0, (%1)" ::"r"((u32)r), "r"(at) : "memory");
		break;
	default:
		*(volatile u32 *)at = (u32)(r >> 32);
		break;
	}
}

static void any_msr(void)
{
	u64 r = next();
	u32 msr = r & 1 ? 0x800 + (u32)(r >> 8 & 0xff) : (u32)(r >> 8 & 0xfff), lo, hi;

	(void)TRY("rdmsr", : "=a"(lo), "=d"(hi) : "c"(msr) : "r11");
	if (msr >= 0x800)
		(void)TRY("wrmsr", ::"c"(msr), "a"((u32)(r >> 32)), "d"(0) : "r11");
}

static void ignore(struct trap_frame *f)
{
	(void)f;
}

static const char *everything(u64 number)
{
	state = number * 0x9e3779b97f4a7c15ull + 1;
	irq_hook[VECTOR_NMI] = ignore;
	for (u32 i = 0; i < ROUNDS; i++) {
		switch (next() % 8) {
		case 0:
		case 1:
		case 2:
			any_port();
			break;
		case 3:
			any_msr();
			break;
		case 4:
			pci_write((u32)next() % 8, (u32)next() & 0xfc, (u32)next());
			break;
		default:
			any_mmio();
			break;
		}
	}
	return "PASS";
}

const struct bad_case fuzz_cases[] = {
	{ "fuzz", everything },
	{ NULL, NULL },
};
