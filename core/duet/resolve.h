/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_RESOLVE_H
#define DUET_RESOLVE_H

#include <duet/api.h>
#include <duet/operation.h>
#include <netdb.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Names to addresses, by getaddrinfo(3) on a thread of the loop's pool: `result` is how many
 * addresses there are, at least one, and duet_op_addresses() their list, which is the caller's.
 * node, service and hints (each may be NULL, as there) are copied in the start, and are the
 * caller's again after it: this is the one operation that allocates, for them and for what
 * getaddrinfo() itself needs.
 *
 * Whoever cancels it, or sets it a deadline, is answered at once (untouched), in line and while the
 * call runs. That can't be stopped: it keeps its thread until it returns, what it brings is freed
 * by the loop, and until then duet_loop_destroy() is busy and duet_loop_shutdown() waits. The loop
 * counts it as a second operation, in operations_max, duet_loop_pending(), the statistics and the
 * dump, where it is a work.
 *
 * Absent (-EOPNOTSUPP) without work_threads. A backend whose time is its own calls getaddrinfo() on
 * the loop's thread, in a turn. Start: -EINVAL, if node and service are both NULL, or hints name
 * more than ai_flags, ai_family, ai_socktype and ai_protocol. Without memory it fails with -ENOMEM.
 *
 * What getaddrinfo() says is in duet_op_resolve_code(), and `result` is
 *	-ENOENT         EAI_NONAME, EAI_SERVICE: there is no such name, or service
 *	-EADDRNOTAVAIL  EAI_NODATA, EAI_ADDRFAMILY: it has no address, or none of that family
 *	-EAGAIN         EAI_AGAIN: nobody has answered; later perhaps
 *	-EIO            EAI_FAIL: somebody has, that it failed
 *	-EAFNOSUPPORT   EAI_FAMILY
 *	-ESOCKTNOSUPPORT  EAI_SOCKTYPE
 *	-EINVAL         EAI_BADFLAGS
 *	-ENOMEM         EAI_MEMORY
 *	-EOVERFLOW      EAI_OVERFLOW
 *	-errno          EAI_SYSTEM
 */
DUET_API void duet_op_resolve(struct duet_op *op, const char *node, const char *service,
			      const struct addrinfo *hints);

/* The list of one that ended with a result > 0, in done() or until its next start; else NULL. To be
 * freed once, here or by freeaddrinfo(3). Of one without done() the loop frees it. */
DUET_API struct addrinfo *duet_op_addresses(const struct duet_op *op);
DUET_API void duet_addrinfo_free(struct addrinfo *addresses);

/* What getaddrinfo() has returned: 0, or EAI_*; 0 also of one that ended without that. */
DUET_API int duet_op_resolve_code(const struct duet_op *op);

#ifdef __cplusplus
}
#endif

#endif
