/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets, cores, threads and NUMA nodes, from CPUID as machines have it and an SRAT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/acpi_priv.h"
#include "hv/base/bytes.h"
#include "hv/topology.h"

#define SRAT_HEADER 48

static struct cpuid_regs leaf[16], level[4], extended[9];

static struct cpuid_regs host(void *ctx, u32 l, u32 sub)
{
	(void)ctx;
	if (l == 0x0b)
		return sub < ARRAY_SIZE(level) ? level[sub] : (struct cpuid_regs){ 0 };
	if (l >= 0x80000000u)
		return extended[l - 0x80000000u];
	return leaf[l];
}

static int setup(void **state)
{
	(void)state;
	memset(leaf, 0, sizeof(leaf));
	memset(level, 0, sizeof(level));
	memset(extended, 0, sizeof(extended));
	extended[0].eax = 0x80000008u;
	return 0;
}

static const struct acpi_numa silent;

static void expect(const struct topology *t, u32 i, u32 socket, u32 core, u32 thread)
{
	assert_int_equal(t->core[i].socket, socket);
	assert_int_equal(t->core[i].core, core);
	assert_int_equal(t->core[i].thread, thread);
}

/* Two sockets of three cores of two threads: ids have gaps. */
static void levels_with_gaps(void **state)
{
	static const u32 ids[] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13 };
	struct topology t;

	(void)state;
	leaf[0].eax = 0x0b;
	level[0] = (struct cpuid_regs){ .eax = 1, .ebx = 2, .ecx = 0x100 };
	level[1] = (struct cpuid_regs){ .eax = 3, .ebx = 6, .ecx = 0x201 };
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	assert_int_equal(t.sockets, 2);
	assert_int_equal(t.cores_a_socket, 3);
	assert_int_equal(t.threads_a_core, 2);
	assert_int_equal(t.nodes, 1);
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		expect(&t, i, i / 6, i % 6 / 2, i % 2);
}

/* The boot processor need not have the lowest id. */
static void any_order(void **state)
{
	static const u32 ids[] = { 9, 0, 8, 1 };
	struct topology t;

	(void)state;
	leaf[0].eax = 0x0b;
	level[0] = (struct cpuid_regs){ .eax = 0, .ebx = 1, .ecx = 0x100 };
	level[1] = (struct cpuid_regs){ .eax = 3, .ebx = 2, .ecx = 0x201 };
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	expect(&t, 0, 1, 1, 0);
	expect(&t, 1, 0, 0, 0);
	expect(&t, 2, 1, 0, 0);
	expect(&t, 3, 0, 1, 0);
}

/* An id of 32 bits and a shift of 0: nothing may be shifted out of range. */
static void wide_ids(void **state)
{
	static const u32 ids[] = { 0xffffffff, 0 };
	struct topology t;

	(void)state;
	leaf[0].eax = 0x0b;
	level[0] = (struct cpuid_regs){ .eax = 31, .ebx = 1, .ecx = 0x100 };
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	expect(&t, 0, 1, 0, 0);
	expect(&t, 1, 0, 0, 0);
	level[0].eax = 0;
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	assert_int_equal(t.sockets, 2);
	assert_int_equal(t.threads_a_core, 1);
}

/* Leaf 1 and 4: 4 ids, 2 cores a package. */
static void counts_of_older_processors(void **state)
{
	static const u32 ids[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct topology t;

	(void)state;
	leaf[0].eax = 4;
	leaf[1] = (struct cpuid_regs){ .ebx = 4 << 16, .edx = BIT(28) };
	leaf[4].eax = 1u << 26 | 1;
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	assert_int_equal(t.sockets, 2);
	assert_int_equal(t.cores_a_socket, 2);
	assert_int_equal(t.threads_a_core, 2);
	expect(&t, 6, 1, 1, 0);

	leaf[4].eax = 0;
	extended[8].ecx = 3;
	topology_init(&t, ids, ARRAY_SIZE(ids), host, &silent);
	assert_int_equal(t.cores_a_socket, 4);
	assert_int_equal(t.threads_a_core, 1);

	setup(NULL);
	topology_init(&t, ids, 1, host, &silent);
	assert_int_equal(t.sockets * t.cores_a_socket * t.threads_a_core, 1);
}

/* --- guests ----------------------------------------------------------------- */

/* Cores 0 .. 7: two sockets of two cores of two threads. */
static void eight(struct topology *t)
{
	static const u32 ids[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	leaf[0].eax = 0x0b;
	level[0] = (struct cpuid_regs){ .eax = 1, .ebx = 2, .ecx = 0x100 };
	level[1] = (struct cpuid_regs){ .eax = 2, .ebx = 4, .ecx = 0x201 };
	topology_init(t, ids, ARRAY_SIZE(ids), host, &silent);
}

static void guest_is(const struct topology *t, const u32 *core, u32 n, u32 threads, u32 ids)
{
	struct topology_guest g = topology_of_guest(t, core, n);

	assert_int_equal(g.threads, threads);
	assert_int_equal(g.package_ids, ids);
}

static void guests(void **state)
{
	struct topology t;

	(void)state;
	eight(&t);
	guest_is(&t, (const u32[]){ 0, 1, 2, 3, 4, 5, 6, 7 }, 8, 2, 4);
	guest_is(&t, (const u32[]){ 4, 5, 6, 7, 0, 1, 2, 3 }, 8, 2, 4);
	guest_is(&t, (const u32[]){ 0, 2, 4, 6 }, 4, 1, 2);
	guest_is(&t, (const u32[]){ 0, 1, 4, 5 }, 4, 2, 2);
	guest_is(&t, (const u32[]){ 2, 3 }, 2, 2, 2);
	guest_is(&t, (const u32[]){ 1, 5 }, 2, 1, 1);
	guest_is(&t, (const u32[]){ 3 }, 1, 1, 1);
	/* No pattern: cores of one package. */
	guest_is(&t, (const u32[]){ 0, 1, 2 }, 3, 1, 3);
	guest_is(&t, (const u32[]){ 0, 4, 1, 5 }, 4, 1, 4);
	guest_is(&t, (const u32[]){ 0, 2, 3 }, 3, 1, 3);
	guest_is(&t, (const u32[]){ 0, 2, 4 }, 3, 1, 3);
	guest_is(&t, (const u32[]){ 0, 0 }, 2, 1, 2);
	guest_is(&t, (const u32[]){ 2, 3, 0, 1, 6, 7 }, 6, 1, 6);
}

/* --- SRAT ------------------------------------------------------------------ */

static u8 table[512];
static u32 table_len;

static u8 *entry(u8 type, u8 len)
{
	u8 *e = table + table_len;

	e[0] = type;
	e[1] = len;
	table_len += len;
	return e;
}

static void near_cpu(u8 apic_id, u32 domain, u32 flags)
{
	u8 *e = entry(0, 16);

	e[2] = (u8)domain;
	e[3] = apic_id;
	store_le32(e + 4, flags);
	e[9] = (u8)(domain >> 8);
	e[10] = (u8)(domain >> 16);
	e[11] = (u8)(domain >> 24);
}

static void near_x2(u32 apic_id, u32 domain)
{
	u8 *e = entry(2, 24);

	store_le32(e + 4, domain);
	store_le32(e + 8, apic_id);
	store_le32(e + 12, 1);
}

static void near_memory(u64 base, u64 size, u32 domain, u32 flags)
{
	u8 *e = entry(1, 40);

	store_le32(e + 2, domain);
	store_le64(e + 8, base);
	store_le64(e + 16, size);
	store_le32(e + 28, flags);
}

static const struct phys_view nowhere;
static struct acpi_info info;

static void begin(void)
{
	memset(table, 0, sizeof(table));
	table_len = SRAT_HEADER;
	memset(&info, 0, sizeof(info));
}

static void parse(void)
{
	acpi_parse_srat(&info, table, table_len, &nowhere);
}

static void srat_names_domains(void **state)
{
	static const u32 ids[] = { 0, 1, 300 };
	struct topology t;
	struct pages p = { 0 };
	bool near;

	(void)state;
	begin();
	near_cpu(0, 0x01020304, 1);
	near_cpu(1, 7, 1);
	near_cpu(2, 9, 0); /* not enabled: no domain of its own */
	near_x2(300, 7);
	near_memory(0, PAGE_1G, 0x01020304, 1);
	near_memory(PAGE_1G, PAGE_1G, 7, 1);
	near_memory(8 * PAGE_1G, PAGE_1G, 7, 0);
	near_memory(4 * PAGE_1G, PAGE_1G, 7, 1);
	parse();
	assert_int_equal(info.bad, 0);
	assert_int_equal(info.numa.node_count, 2);
	assert_int_equal(info.numa.cpu_count, 3);
	assert_int_equal(info.numa.memory_count, 3);

	topology_init(&t, ids, ARRAY_SIZE(ids), host, &info.numa);
	assert_int_equal(t.nodes, 2);
	assert_int_equal(t.core[0].node, 0);
	assert_int_equal(t.core[1].node, 1);
	assert_int_equal(t.core[2].node, 1);
	assert_int_equal(topology_memory(&t, 1), 2 * PAGE_1G);

	pages_add(&p, PAGE_2M, 2 * PAGE_1G - PAGE_2M);
	pages_add(&p, 4 * PAGE_1G, PAGE_2M);
	assert_int_equal(topology_free(&t, &p, 0), PAGE_1G - PAGE_2M);
	assert_int_equal(topology_free(&t, &p, 1), PAGE_1G + PAGE_2M);
	assert_int_equal(topology_alloc(&t, &p, 0, PAGE_2M, PAGE_2M, &near),
			 PAGE_1G - PAGE_2M);
	assert_true(near);
	assert_int_equal(topology_alloc(&t, &p, 1, PAGE_1G, PAGE_1G, &near), PAGE_1G);
	assert_true(near);
	assert_int_equal(topology_alloc(&t, &p, 1, 2 * PAGE_2M, PAGE_2M, &near),
			 PAGE_1G - 3 * PAGE_2M);
	assert_false(near);
}

static void srat_with_faults(void **state)
{
	(void)state;
	begin();
	near_memory(UINT64_MAX - 5, PAGE_1G, 0, 1);
	for (u32 i = 0; i < 2; i++)
		near_cpu((u8)i, i, 1);
	entry(0, 8); /* too short for what it says it is */
	parse();
	assert_int_equal(info.bad, 1);
	assert_int_equal(info.numa.node_count, 2);

	begin();
	near_cpu(0, 0, 1);
	table[table_len] = 0;
	table[table_len + 1] = 200; /* past the end */
	table_len += 16;
	parse();
	assert_int_equal(info.bad, 1);
	assert_int_equal(info.numa.cpu_count, 1);

	begin();
	for (u32 i = 0; i <= ACPI_MAX_NODES; i++)
		near_cpu((u8)i, i, 1);
	parse();
	assert_int_equal(info.bad, 1);
	assert_int_equal(info.numa.node_count, ACPI_MAX_NODES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(levels_with_gaps, setup),
		cmocka_unit_test_setup(any_order, setup),
		cmocka_unit_test_setup(wide_ids, setup),
		cmocka_unit_test_setup(counts_of_older_processors, setup),
		cmocka_unit_test_setup(guests, setup),
		cmocka_unit_test_setup(srat_names_domains, setup),
		cmocka_unit_test_setup(srat_with_faults, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
