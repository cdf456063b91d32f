/* SPDX-License-Identifier: BSD-2-Clause */
/* The release. */
#ifndef VNETCTL_VERSION_H
#define VNETCTL_VERSION_H

extern const char vnetctl_version[];

#endif
