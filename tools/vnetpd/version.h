/* SPDX-License-Identifier: BSD-2-Clause */
/* Which build this is. */
#ifndef VNETPD_VERSION_H
#define VNETPD_VERSION_H

extern const char vnetpd_version[];

#endif
