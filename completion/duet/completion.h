/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_COMPLETION_H
#define DUET_COMPLETION_H

#include <duet/api.h>
#include <duet/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The completion backend: a proactor on a submission and a completion queue (io_uring).
 * Needs Linux 5.19; what a newer kernel offers is found by asking it.
 *
 * Tuning keys:
 *   mode=deferred    one issuer, completions run only when the loop asks for them (default where
 *                    the kernel has it, 6.1)
 *   mode=plain       completions may appear at any time
 *   entries=N        places in the submission queue, 8 to 32768, default 256; the completion
 *                    queue has eight times as many, but never more than 65536. By default it has
 *                    half as many as operations_max, if that is more, up to 8192
 *   direct=no        never make a plain send call instead of a submission, when the turn is short
 *   without=NAME+NAME  do without what the kernel has: an entry by its name in lower case, as accept,
 *                    recv, send, sendmsg, send-zc, read, readv, openat, statx, ftruncate, waitid; or
 *                    accept-multishot, recv-multishot, recv-bundle, pool-ring. The environment's
 *                    DUET_COMPLETION_WITHOUT adds to it (not in set-user-ID programs)
 *   refuse=NAME+NAME the ring itself refuses these entries, as a filter of the host's would: for tests.
 *                    accept-multishot, recv-multishot, recv-bundle and pool-ring are no entries, and
 *                    not refused
 *
 * What is there is found at create, by trying: a list of the kernel's entries is asked for, and one entry
 * of each kind is handed over whose arguments make no sense (two calls, no effect). What a bundle of
 * receives brings (Linux 6.17, mode=deferred) is tried with the first pool of a process that asks for
 * bursts, on a ring of its own. What is missing or refused is carried out the next way down: as another
 * entry (a send as a message, a receive as a read), by readiness and a plain call, or by worker_threads,
 * which are only started for that. Only nop, poll and cancel have nothing below them: without these the
 * backend isn't to be had.
 *
 * Memory, all of it at create: 136 bytes for each of handles_max, 180 for each of operations_max, and
 * the two queues, which are the kernel's. 56 of those bytes lie in pages that only who sends several
 * pieces touches.
 */
DUET_API const struct duet_backend *duet_completion(void);

#ifdef __cplusplus
}
#endif

#endif
