/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for the errors of hv/base/err.h. */
#include "hv/base/err.h"

#include "hv/base/types.h"

const char *err_str(err_t err)
{
	static const char *const words[] = {
		[ERR_OK] = "ok",
		[ERR_INVAL] = "invalid",
		[ERR_RANGE] = "out of range",
		[ERR_NOMEM] = "no memory or no free slot",
		[ERR_NOENT] = "no such thing",
		[ERR_EXIST] = "exists already",
		[ERR_BUSY] = "in use",
		[ERR_FULL] = "full",
		[ERR_TIMEOUT] = "timed out",
		[ERR_IO] = "device error",
		[ERR_NOTSUP] = "not supported",
	};

	return (size_t)err < ARRAY_SIZE(words) ? words[err] : "unknown error";
}
