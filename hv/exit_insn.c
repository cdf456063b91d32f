/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits that need the instruction itself: MMIO, string I/O, and lengths. */
#include "hv/exits.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "hv/vm.h"

static void device_access(void *ctx, bool port, struct io_access *a)
{
	vm_access(ctx, port, a);
}

/* A vCPU's view of memory for this exit; s is filled in and belongs to the caller. */
static void exit_linear(struct vcpu *v, struct linear *l, struct vcpu_sregs *s)
{
	backend->get_sregs(v->hw, s);
	*l = (struct linear){
		.gm = &v->vm->gmem,
		.device = device_access,
		.ctx = v,
		.regs = backend->regs(v->hw),
		.sregs = s,
		.phys_bits = v->vm->phys_bits,
	};
}

u8 exit_insn_bytes(struct vcpu *v, const struct vcpu_exit *x, u8 bytes[INSN_MAX])
{
	struct insn_fault fault;
	struct vcpu_sregs s;
	struct linear l;
	u8 n;

	if (x->insn_bytes_len) {
		memcpy(bytes, x->insn_bytes, x->insn_bytes_len);
		return x->insn_bytes_len;
	}
	exit_linear(v, &l, &s);
	return linear_fetch(&l, bytes, &n, &fault) ? 0 : n;
}

void exit_skip(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_sregs s;
	u8 bytes[INSN_MAX];
	u8 len = x->insn_len;

	if (!len) {
		u8 n = exit_insn_bytes(v, x, bytes);

		backend->get_sregs(v->hw, &s);
		len = insn_length(bytes, n, insn_mode_of(&s));
	}
	if (len)
		backend->skip_insn(v->hw, len);
	else
		vcpu_inject(v, VECTOR_UD, false, 0);
}

static void inject_fault(struct vcpu *v, const struct insn_fault *f)
{
	if (f->vector == VECTOR_PF)
		vcpu_inject_pf(v, f->addr, f->error);
	else
		vcpu_inject(v, f->vector, f->has_error, f->error);
}

/* Nothing here can execute it: the guest is told #UD nowhere near the truth,
 * so it is stopped with the bytes in the report. */
static void refuse(struct vcpu *v, const struct vcpu_exit *x, const u8 *bytes, u8 n)
{
	char hex[3 * INSN_MAX + 1] = "";
	size_t len = 0;

	for (u8 i = 0; i < n; i++)
		fmt_append(hex, sizeof(hex), &len, " %02x", bytes[i]);
	if (x->kind == EXIT_MMIO)
		vm_crash(v, "instruction%s cannot be emulated for an access to %#lx", hex,
			 x->mmio.gpa.v);
	else
		vm_crash(v, "instruction%s cannot be emulated for port %#x", hex, x->io.port);
}

void exit_emulate(struct vcpu *v, const struct vcpu_exit *x)
{
	struct insn_fault fault = { 0 };
	struct vcpu_sregs s;
	struct linear l;
	struct insn insn;
	u8 bytes[INSN_MAX] = { 0 };
	u8 n = x->insn_bytes_len;

	memcpy(bytes, x->insn_bytes, n);
	exit_linear(v, &l, &s);
	switch (linear_emulate(&l, bytes, &n, &insn, &fault)) {
	case INSN_DONE:
		backend->skip_insn(v->hw, insn.len);
		return;
	case INSN_AGAIN:
		return;
	case INSN_FAULTED:
		inject_fault(v, &fault);
		return;
	case INSN_REFUSED:
		refuse(v, x, bytes, n);
	}
}
