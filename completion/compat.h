/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef COMPLETION_COMPAT_H
#define COMPLETION_COMPAT_H

#include <liburing.h>

/*
 * What the headers of liburing 2.3 (Debian 12) lack. Each value is the kernel's, from its
 * include/uapi/linux/io_uring.h, with the version that brought it; all are asked for before use.
 */

/* Linux 6.10: an accept waits for readiness before its first attempt (in sqe->ioprio). */
#ifndef IORING_ACCEPT_POLL_FIRST
#define IORING_ACCEPT_POLL_FIRST (1U << 2)
#endif

/* Linux 6.10: tells that the flag above is known. */
#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14)
#endif

/* Linux 6.2: a zero-copy send tells with its notification whether the bytes were copied after all. */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

/* Linux 6.3, the first of them after the flags above: tells that they are known. */
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif

#endif
