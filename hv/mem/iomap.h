/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who answers a guest's I/O port or MMIO address. Devices see an access,
 * never an exit. One map per address space and VM; callers serialise.
 */
#ifndef HV_MEM_IOMAP_H
#define HV_MEM_IOMAP_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define IOMAP_MAX_RANGES 64

struct io_access {
	u64 addr;   /* offset from the start of the range */
	u64 value;  /* to be written, or filled in by the handler */
	u8 size;    /* 1, 2, 4 or 8 bytes */
	bool write;
};

/* dev is what was registered. A handler ignores writes and reads all ones
 * (the value it finds) where it has no register. */
typedef void (*io_handler)(void *dev, struct io_access *a);

struct io_range {
	u64 base;
	u64 size;
	io_handler handler;
	void *dev;
	const char *name; /* not copied */
	u64 accesses;
};

struct iomap {
	u32 count;
	u32 last; /* index of the last hit */
	struct io_range range[IOMAP_MAX_RANGES]; /* sorted by base, disjoint */
	u64 unclaimed;
};

/* ERR_EXIST on overlap (nothing changes), ERR_NOMEM when full, ERR_INVAL when
 * size is 0 or base + size wraps. */
err_t iomap_add(struct iomap *m, u64 base, u64 size, const char *name, io_handler handler,
		void *dev);
/* ERR_NOENT when there is no range with exactly this base. */
err_t iomap_del(struct iomap *m, u64 base);

/*
 * Route one access: a->addr is absolute on entry. Unclaimed reads give all
 * ones of the access's size, unclaimed writes do nothing; both count. An
 * access that straddles the end of a range is unclaimed. Returns whether a
 * device answered.
 */
bool iomap_access(struct iomap *m, struct io_access *a);

#endif
