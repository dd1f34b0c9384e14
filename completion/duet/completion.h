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
