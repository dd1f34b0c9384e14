/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_REFERENCE_H
#define DUET_REFERENCE_H

#include <duet/api.h>
#include <duet/handle.h>
#include <duet/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The reference backend: the contract carried out in memory, without a kernel, in virtual time.
 * Everything that the contract leaves open (the order of completions, how much a transfer moves,
 * who wins when a cancel meets a result, which error strikes) is drawn from a seed, so a run can
 * be repeated exactly.
 *
 * Tuning keys:
 *   seed=N           what is drawn, default 1
 *   fault=N          of 1000 operations, how many fail with an injected error, default 0
 *   short=N          of 1000 transfers, how many move less than they could, default 250
 *   late=N           of 1000 cancels, how many lose against the result, default 500
 */
DUET_API const struct duet_backend *duet_reference(void);

/* Descriptors in use in the world of a loop on this backend: those of handles, and connections
 * that nobody has accepted yet. What a leak test counts. */
DUET_API uint32_t duet_reference_descriptors(const struct duet_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
