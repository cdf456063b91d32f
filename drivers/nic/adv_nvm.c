/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adv: what is shared with firmware and the other ports of the device, by
 * semaphores (82599 datasheet, 10.5.4; 82576 datasheet, 4.7), and the EEPROM (6.3).
 */
#include "drivers/nic/adv.h"

#include "hv/base/log.h"
#include "hv/base/plat.h"

#define MS 1000000ull
/* 10.5.4: whoever keeps the short semaphore for longer is out of order, and is passed over;
 * the long one's owners have a second. */
#define SMBI_WAIT_NS (10 * MS)
#define SWESMBI_WAIT_NS (50 * MS)
#define SYNC_WAIT_NS (1000 * MS)
#define SYNC_RETRY_NS (5 * MS)
#define EERD_WAIT_NS (10 * MS)

static bool has_regsmp(const struct adv *x)
{
	return x->part->traits & x->kind->regsmp_trait;
}

/* The semaphore in front of SW_FW_SYNC. SMBI is set by the read that finds it clear,
 * SWESMBI when it reads back as written; parts with REGSMP have that, read like SMBI. */
static void short_take(const struct adv *x)
{
	const struct adv_kind *k = x->kind;
	u64 end;

	if (!adv_wait(x, k->swsm, ADV_SWSM_SMBI, 0, SMBI_WAIT_NS))
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "the other port keeps the semaphore: passed over");
	if (has_regsmp(x)) {
		adv_wait(x, k->sw_fw_sync, k->sync_regsmp, 0, SWESMBI_WAIT_NS);
		return;
	}
	end = plat_now_ns() + SWESMBI_WAIT_NS;
	do {
		adv_write(x, k->swsm, ADV_SWSM_SMBI | ADV_SWSM_SWESMBI);
		if (adv_read(x, k->swsm) & ADV_SWSM_SWESMBI)
			return;
		plat_relax();
	} while (plat_now_ns() < end);
	LOG_LIMITED(LOG_WARN, x->part->name, "firmware keeps the semaphore: passed over");
}

static void short_give(const struct adv *x)
{
	if (has_regsmp(x))
		adv_clear_bits(x, x->kind->sw_fw_sync, x->kind->sync_regsmp);
	adv_write(x, x->kind->swsm, 0);
}

err_t adv_sync_take(struct adv *x, u32 bits)
{
	u32 reg = x->kind->sw_fw_sync, others = bits | bits << x->kind->sync_fw_shift;
	u64 end = plat_now_ns() + SYNC_WAIT_NS;

	for (;;) {
		u32 sync;

		short_take(x);
		sync = adv_read(x, reg);
		if (!(sync & others)) {
			adv_write(x, reg, sync | bits);
			short_give(x);
			return ERR_OK;
		}
		short_give(x);
		if (plat_now_ns() > end)
			return ERR_BUSY;
		adv_pause(SYNC_RETRY_NS);
	}
}

void adv_sync_give(struct adv *x, u32 bits)
{
	short_take(x);
	adv_clear_bits(x, x->kind->sw_fw_sync, bits);
	short_give(x);
}

/* --- EEPROM ---------------------------------------------------------------------- */

static err_t read_word(const struct adv *x, u32 word, u16 *out)
{
	adv_write(x, x->kind->eerd, ADV_EERD_START | word << ADV_EERD_ADDR_SHIFT);
	if (!adv_wait(x, x->kind->eerd, ADV_EERD_DONE, ADV_EERD_DONE, EERD_WAIT_NS))
		return ERR_TIMEOUT;
	*out = (u16)(adv_read(x, x->kind->eerd) >> ADV_EERD_DATA_SHIFT);
	return ERR_OK;
}

static err_t add_words(const struct adv *x, u32 first, u32 count, u16 *sum)
{
	if (first + count > ADV_EEPROM_WORDS)
		return ERR_IO;
	for (u32 i = 0; i < count; i++) {
		u16 w;
		err_t err = read_word(x, first + i, &w);

		if (err)
			return err;
		*sum = (u16)(*sum + w);
	}
	return ERR_OK;
}

/* The section that the word at `pointer` points to: length, then so many words. */
static err_t add_section(const struct adv *x, u32 pointer, u16 *sum)
{
	u16 at, len;
	err_t err = read_word(x, pointer, &at);

	if (err || at == 0 || at == UINT16_MAX)
		return err;
	if (at >= ADV_EEPROM_WORDS)
		return ERR_IO;
	err = read_word(x, at, &len);
	if (err || len == 0 || len == UINT16_MAX)
		return err;
	return add_words(x, at + 1u, len, sum);
}

err_t adv_nvm_check(struct adv *x)
{
	const struct adv_kind *k = x->kind;
	u16 sum = 0;
	err_t err = adv_sync_take(x, ADV_SYNC_EEPROM);

	if (err)
		return err;
	err = add_words(x, 0, ADV_EEPROM_CHECKSUM + 1, &sum);
	for (u32 i = 0; !err && i < k->section_count; i++)
		err = add_section(x, k->section_first + i, &sum);
	adv_sync_give(x, ADV_SYNC_EEPROM);
	if (err)
		return err;
	return sum == ADV_EEPROM_SUM ? ERR_OK : ERR_IO;
}
