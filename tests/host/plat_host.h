/* SPDX-License-Identifier: BSD-2-Clause */
/* Knobs of the host tests' platform: time and core are variables. */
#ifndef TESTS_HOST_PLAT_HOST_H
#define TESTS_HOST_PLAT_HOST_H

#include "hv/base/types.h"

extern u64 host_now_ns;	    /* what plat_now_ns() returns */
extern u64 host_cycles;	    /* what plat_cycles() returned last, ... */
extern u64 host_cycles_step; /* ... and what it adds each time */
extern _Thread_local unsigned host_core; /* what plat_core() returns */
extern bool host_log_quiet; /* true (the default): log lines are only kept */
extern char host_log_last[256];
extern u32 host_log_count;
extern size_t host_alloc_live; /* bytes handed out by plat_alloc() and not freed */
extern bool host_alloc_fail;   /* true: plat_alloc() returns NULL */

#endif
