/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small set of errors that functions return. ERR_OK is 0, so
 * `if (err)` reads as it should. Details go to the log at the place of origin.
 */
#ifndef HV_BASE_ERR_H
#define HV_BASE_ERR_H

typedef enum err {
	ERR_OK = 0,
	ERR_INVAL,	 /* argument or format is wrong */
	ERR_RANGE,	 /* value or address outside what is allowed */
	ERR_NOMEM,	 /* no memory, no free slot in a fixed table */
	ERR_NOENT,	 /* no such thing */
	ERR_EXIST,	 /* there already */
	ERR_BUSY,	 /* in use, or not in a state that allows it */
	ERR_FULL,	 /* ring or queue is full */
	ERR_TIMEOUT,	 /* a bounded wait ended without the event */
	ERR_IO,		 /* device answered wrongly */
	ERR_NOTSUP,	 /* understood, but not there */
} err_t;

/* A few words for each error, for messages. Never NULL. */
const char *err_str(err_t err);

#endif
