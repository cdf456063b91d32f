/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict model of the 82576, or, as far as its driver sees it, of the I350: rings,
 * descriptors, offloads, spreading and vectors are the 82599's model's (ixgbe_model.h), with its
 * rules about them; in front of it stand the 82576's registers, its reset, PHY, SerDes and ICR,
 * after the "82576 Gigabit Ethernet Controller Datasheet". Section numbers in these files are
 * that one's.
 */
#ifndef TESTS_MODELS_IGB_MODEL_H
#define TESTS_MODELS_IGB_MODEL_H

#include "drivers/nic/igb_regs.h"
#include "tests/models/ixgbe_model.h"

#define IGM_QUEUES 16u
#define IGM_VECTORS 25u
#define IGM_PHY_REGS 2u

struct igb_model {
	struct ixgbe_model *core;

	/* what a test sets */
	bool ivar_pairs; /* the I350's: two queues side by side in a register of IVAR */
	bool phy_cold;	 /* no link before negotiation is started */
	bool phy_dead;	 /* MDIC never says that it is ready */
	bool whole;	 /* segments by the outermost headers, as QEMU's: GPTC counts one */

	/* what a test looks at */
	u32 negotiations;
	bool irq_line; /* without MSI-X */

	/* private */
	u32 reg[IGB_REGS_SIZE / 4];
	u32 phy[IGM_PHY_REGS];
	u32 icr, ims;
	u64 sent; /* of core->sent, in GPTC */
};

/* The 82576 with a good EEPROM that holds mac, in *core, which is initialised; *host is
 * copied. Link up. */
void igb_model_init(struct igb_model *m, struct ixgbe_model *core, const u8 mac[6],
		    const struct ixm_host *host);

/* As of ixgbe_model.h; ctx is the struct igb_model. */
u32 igb_model_read32(void *ctx, u64 offset);
void igb_model_write32(void *ctx, u64 offset, u32 value);
bool igb_model_rx(struct igb_model *m, const void *frame, u32 len);
bool igb_model_rx_bad(struct igb_model *m, const void *frame, u32 len);
void igb_model_run_tx(struct igb_model *m, u32 max);
void igb_model_set_link(struct igb_model *m, bool up);

/* --- igb_model_irq.c --- */

/* Causes of ICR. */
void igm_raise(struct igb_model *m, u32 bits);

/* What happened in the core becomes causes of ICR. */
void igm_collect(struct igb_model *m);

/* A vector's registers, or of all of them, as they were written. */
void igm_write_gpie(struct igb_model *m, u32 n, u32 v);
void igm_write_ivar(struct igb_model *m, u32 n, u32 v);
void igm_write_misc(struct igb_model *m, u32 n, u32 v);
void igm_write_eitr(struct igb_model *m, u32 n, u32 v);
u32 igm_read_icr(struct igb_model *m, u32 n);
void igm_write_icr(struct igb_model *m, u32 n, u32 v);
void igm_write_ics(struct igb_model *m, u32 n, u32 v);
void igm_write_ims(struct igb_model *m, u32 n, u32 v);
void igm_write_imc(struct igb_model *m, u32 n, u32 v);

#endif
