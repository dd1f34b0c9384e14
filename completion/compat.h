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

#endif
