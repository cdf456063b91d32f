/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder against Capstone: where both accept a sequence of bytes they
 * agree on its length and, by name, on what it is. Nothing is read beyond n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <capstone/capstone.h>

#include "hv/emul/insn.h"

static const cs_mode cs_modes[] = {
	[INSN_16] = CS_MODE_16, [INSN_32] = CS_MODE_32, [INSN_64] = CS_MODE_64,
};

/* First word of Capstone's mnemonic for ours, without prefixes and suffixes. */
static bool same_name(enum insn_op op, const char *theirs)
{
	const char *name = insn_op_name(op);
	size_t n = strcspn(name, " ");
	const char *last = theirs;

	for (const char *p = theirs; (p = strchr(p, ' ')); p++)
		last = p + 1;
	/* Capstone does not see PAUSE behind a second prefix, nor WBNOINVD in older CPUs. */
	if (op == INSN_PAUSE || op == INSN_WBINVD)
		return true;
	return !strncmp(last, name, n);
}

static void complain(enum insn_mode mode, const u8 *b, size_t n, const struct insn *in,
		     const cs_insn *c)
{
	fprintf(stderr, "mode %d:", mode);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %02x", b[i]);
	fprintf(stderr, ": %s, %u bytes; capstone: %s %s, %u bytes\n", insn_op_name(in->op),
		in->len, c->mnemonic, c->op_str, c->size);
}

/* Prefixes are likely, opcodes of ours too; the rest is anything. */
static size_t random_bytes(u8 *b, enum insn_mode mode)
{
	static const u8 prefix[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e,
				     0x64, 0x65 };
	size_t n = 0;

	while (rand() % 3 == 0 && n < 6)
		b[n++] = prefix[(size_t)rand() % sizeof(prefix)];
	if (mode == INSN_64 && rand() % 2)
		b[n++] = (u8)(0x40 | rand() % 16);
	if (rand() % 3 == 0)
		b[n++] = 0x0f;
	while (n < INSN_MAX + 1)
		b[n++] = (u8)rand();
	return n;
}

static void lengths_match(enum insn_mode mode, u32 rounds)
{
	u32 both = 0;
	csh cs;

	assert_int_equal(cs_open(CS_ARCH_X86, cs_modes[mode], &cs), CS_ERR_OK);
	for (u32 i = 0; i < rounds; i++) {
		u8 b[INSN_MAX + 1];
		size_t n = random_bytes(b, mode);
		struct insn in;
		cs_insn *theirs;

		if (insn_decode(b, n, mode, &in))
			continue;
		if (cs_disasm(cs, b, n, 0, 1, &theirs) != 1)
			continue;
		if (theirs->size != in.len || !same_name(in.op, theirs->mnemonic))
			complain(mode, b, n, &in, theirs);
		assert_int_equal(theirs->size, in.len);
		assert_true(same_name(in.op, theirs->mnemonic));
		cs_free(theirs, 1);
		both++;
	}
	cs_close(&cs);
	assert_true(both > rounds / 10);
}

static void lengths_16(void **state)
{
	(void)state;
	srand(16);
	lengths_match(INSN_16, 300000);
}

static void lengths_32(void **state)
{
	(void)state;
	srand(32);
	lengths_match(INSN_32, 300000);
}

static void lengths_64(void **state)
{
	(void)state;
	srand(64);
	lengths_match(INSN_64, 300000);
}

/* Each shorter buffer says "more", and the sanitizer sees every read. */
static void never_reads_beyond_n(void **state)
{
	(void)state;
	srand(3);
	for (u32 i = 0; i < 100000; i++) {
		enum insn_mode mode = (enum insn_mode)(i % 3);
		u8 b[INSN_MAX + 1];
		struct insn in, again;

		random_bytes(b, mode);
		if (insn_decode(b, sizeof(b), mode, &in))
			continue;
		for (u8 n = 0; n < in.len; n++) {
			u8 *exact = malloc(n ? n : 1);

			memcpy(exact, b, n);
			assert_int_equal(insn_decode(exact, n, mode, &again), ERR_RANGE);
			assert_int_equal(insn_length(exact, n, mode), 0);
			free(exact);
		}
		assert_int_equal(insn_length(b, in.len, mode), in.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_16),
		cmocka_unit_test(lengths_32),
		cmocka_unit_test(lengths_64),
		cmocka_unit_test(never_reads_beyond_n),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
