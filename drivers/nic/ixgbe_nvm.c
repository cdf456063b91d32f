/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: what is shared with firmware and the other port of the device, by
 * semaphores (82599 datasheet, 10.5.4), and the EEPROM (6.3).
 */
#include "drivers/nic/ixgbe.h"

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

/* The semaphore in front of SW_FW_SYNC. SMBI is set by the read that finds it clear,
 * SWESMBI when it reads back as written; the X540 has REGSMP, read like SMBI. */
static void short_take(const struct ixgbe *x)
{
	u64 end;

	if (!ixgbe_wait(x, IXGBE_SWSM, IXGBE_SWSM_SMBI, 0, SMBI_WAIT_NS))
		LOG_LIMITED(LOG_WARN, x->part->name,
			    "the other port keeps the semaphore: passed over");
	if (x->part->regsmp) {
		ixgbe_wait(x, IXGBE_SW_FW_SYNC, IXGBE_SYNC_REGSMP, 0, SWESMBI_WAIT_NS);
		return;
	}
	end = plat_now_ns() + SWESMBI_WAIT_NS;
	do {
		ixgbe_write(x, IXGBE_SWSM, IXGBE_SWSM_SMBI | IXGBE_SWSM_SWESMBI);
		if (ixgbe_read(x, IXGBE_SWSM) & IXGBE_SWSM_SWESMBI)
			return;
		plat_relax();
	} while (plat_now_ns() < end);
	LOG_LIMITED(LOG_WARN, x->part->name, "firmware keeps the semaphore: passed over");
}

static void short_give(const struct ixgbe *x)
{
	if (x->part->regsmp)
		ixgbe_write(x, IXGBE_SW_FW_SYNC,
			    ixgbe_read(x, IXGBE_SW_FW_SYNC) & ~IXGBE_SYNC_REGSMP);
	ixgbe_write(x, IXGBE_SWSM, 0);
}

err_t ixgbe_sync_take(struct ixgbe *x, u32 bits)
{
	u64 end = plat_now_ns() + SYNC_WAIT_NS;

	for (;;) {
		u32 sync;

		short_take(x);
		sync = ixgbe_read(x, IXGBE_SW_FW_SYNC);
		if (!(sync & (bits | bits << IXGBE_SYNC_FW_SHIFT))) {
			ixgbe_write(x, IXGBE_SW_FW_SYNC, sync | bits);
			short_give(x);
			return ERR_OK;
		}
		short_give(x);
		if (plat_now_ns() > end)
			return ERR_BUSY;
		ixgbe_pause(SYNC_RETRY_NS);
	}
}

void ixgbe_sync_give(struct ixgbe *x, u32 bits)
{
	short_take(x);
	ixgbe_write(x, IXGBE_SW_FW_SYNC, ixgbe_read(x, IXGBE_SW_FW_SYNC) & ~bits);
	short_give(x);
}

/* --- EEPROM ---------------------------------------------------------------------- */

static err_t read_word(const struct ixgbe *x, u32 word, u16 *out)
{
	ixgbe_write(x, IXGBE_EERD, IXGBE_EERD_START | word << IXGBE_EERD_ADDR_SHIFT);
	if (!ixgbe_wait(x, IXGBE_EERD, IXGBE_EERD_DONE, IXGBE_EERD_DONE, EERD_WAIT_NS))
		return ERR_TIMEOUT;
	*out = (u16)(ixgbe_read(x, IXGBE_EERD) >> IXGBE_EERD_DATA_SHIFT);
	return ERR_OK;
}

static err_t add_words(const struct ixgbe *x, u32 first, u32 count, u16 *sum)
{
	if (first + count > IXGBE_EEPROM_WORDS)
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
static err_t add_section(const struct ixgbe *x, u32 pointer, u16 *sum)
{
	u16 at, len;
	err_t err = read_word(x, pointer, &at);

	if (err || at == 0 || at == UINT16_MAX)
		return err;
	if (at >= IXGBE_EEPROM_WORDS)
		return ERR_IO;
	err = read_word(x, at, &len);
	if (err || len == 0 || len == UINT16_MAX)
		return err;
	return add_words(x, at + 1u, len, sum);
}

err_t ixgbe_nvm_check(struct ixgbe *x)
{
	u32 found = (ixgbe_read(x, IXGBE_FWSM) & IXGBE_FWSM_ERROR) >> IXGBE_FWSM_ERROR_SHIFT;
	u16 sum = 0;
	err_t err;

	if (found)
		log_warn(x->part->name, "firmware found error %u in the EEPROM", found);
	if (!(ixgbe_read(x, IXGBE_EEC) & IXGBE_EEC_PRESENT))
		return ERR_NOENT;
	/* The X540 counts other sections, and has them in flash. */
	if (x->part->regsmp)
		return ERR_OK;
	err = ixgbe_sync_take(x, IXGBE_SYNC_EEPROM);
	if (err)
		return err;
	err = add_words(x, 0, IXGBE_EEPROM_CHECKSUM + 1, &sum);
	for (u32 i = IXGBE_EEPROM_POINTER_FIRST; !err && i <= IXGBE_EEPROM_POINTER_LAST; i++)
		err = add_section(x, i, &sum);
	ixgbe_sync_give(x, IXGBE_SYNC_EEPROM);
	if (err)
		return err;
	return sum == IXGBE_EEPROM_SUM ? ERR_OK : ERR_IO;
}
