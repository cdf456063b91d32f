/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest-linear memory accesses; see linear.h. */
#include "hv/emul/linear.h"

#include "hv/base/str.h"

static err_t translate(struct linear *l, u64 addr, enum walk_access access,
		       struct walk_result *res, struct insn_fault *fault)
{
	struct walk_mode m = walk_mode_of(l->sregs, l->regs->rflags, l->phys_bits);
	err_t err = walk_linear(l->gm, &m, addr, access, res);

	if (err == ERR_RANGE)
		*fault = (struct insn_fault){
			.vector = VECTOR_PF,
			.has_error = true,
			.error = res->pf_error,
			.addr = addr,
		};
	return err;
}

/* Bytes on one page: guest memory, else a device. */
static err_t physical_access(struct linear *l, gpa_t at, void *buf, u8 size, bool write)
{
	struct io_access a = { .addr = at.v, .size = size, .write = write };

	if (gmem_has(l->gm, at, size)) {
		if (!write)
			return gmem_read(l->gm, at, buf, size);
		/* A write to ROM goes nowhere, as on the real bus. */
		gmem_write(l->gm, at, buf, size);
		return ERR_OK;
	}
	if (write)
		memcpy(&a.value, buf, size);
	l->device(l->ctx, false, &a);
	if (!write)
		memcpy(buf, &a.value, size);
	return ERR_OK;
}

err_t linear_access(struct linear *l, u64 addr, u64 *val, u8 size, enum insn_access how,
		    struct insn_fault *fault)
{
	enum walk_access access = how == INSN_READ ? WALK_READ : WALK_WRITE;
	bool write = how == INSN_WRITE;
	struct walk_result first, second;
	u64 next = addr;
	u8 buf[8] = { 0 }, n;
	err_t err = translate(l, addr, access, &first, fault);

	if (err)
		return err;
	n = (u8)MIN(first.page_left, size);
	if (n < size) {
		next += n;
		if (insn_mode_of(l->sregs) != INSN_64)
			next = (u32)next;
		err = translate(l, next, access, &second, fault);
		if (err)
			return err;
	}
	if (how == INSN_PROBE)
		return ERR_OK;
	if (write)
		memcpy(buf, val, size);
	err = physical_access(l, first.gpa, buf, n, write);
	if (!err && n < size)
		err = physical_access(l, second.gpa, buf + n, (u8)(size - n), write);
	if (!write)
		memcpy(val, buf, sizeof(buf));
	return err;
}

err_t linear_fetch(struct linear *l, u8 bytes[INSN_MAX], u8 *n, struct insn_fault *fault)
{
	enum insn_mode mode = insn_mode_of(l->sregs);
	u64 addr = insn_linear(l->sregs, mode, SREG_CS, l->regs->rip);

	*n = 0;
	while (*n < INSN_MAX) {
		struct walk_result res;
		err_t err = translate(l, addr + *n, WALK_FETCH, &res, fault);
		u8 chunk;

		if (err)
			return *n ? ERR_OK : err;
		chunk = (u8)MIN(res.page_left, (u64)(INSN_MAX - *n));
		err = gmem_read(l->gm, res.gpa, bytes + *n, chunk);
		if (err)
			return *n ? ERR_OK : ERR_IO;
		*n = (u8)(*n + chunk);
	}
	return ERR_OK;
}

static err_t env_mem(void *ctx, u64 addr, u64 *val, u8 size, enum insn_access how,
		     struct insn_fault *fault)
{
	return linear_access(ctx, addr, val, size, how, fault);
}

static void env_io(void *ctx, u16 port, u64 *val, u8 size, bool write)
{
	struct linear *l = ctx;
	struct io_access a = { .addr = port, .value = *val, .size = size, .write = write };

	l->device(l->ctx, true, &a);
	if (!write)
		*val = a.value;
}

enum insn_result linear_emulate(struct linear *l, u8 bytes[INSN_MAX], u8 *have,
				struct insn *insn, struct insn_fault *fault)
{
	struct insn_env env = {
		.regs = l->regs,
		.sregs = l->sregs,
		.mem = env_mem,
		.io = env_io,
		.ctx = l,
	};
	enum insn_mode mode = insn_mode_of(l->sregs);
	err_t err;

	insn->len = 0;
	if (*have == 0) {
		err = linear_fetch(l, bytes, have, fault);
		if (err)
			return err == ERR_RANGE ? INSN_FAULTED : INSN_REFUSED;
	}
	if (insn_decode(bytes, *have, mode, insn)) {
		insn->len = 0;
		return INSN_REFUSED;
	}
	return insn_exec(insn, &env, fault);
}
