/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_DEBUG_H
#define DUET_DEBUG_H

#include <duet/api.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * For allocators, and for what is given back without free(): a stack, a mapping, an arena. A debug build
 * stops, and names the operation, if it or a buffer lent to it lies in these bytes; any other does
 * nothing. From any thread. Under AddressSanitizer free() itself does so, without being told.
 */
DUET_API void duet_debug_check_free(const void *memory, size_t bytes);

/* For who leaves a loop behind on purpose, or puts its memory back to what it was, as a test of broken
 * programs does: nothing that is lent to it is guarded any more, nor will be. NULL is no loop. */
DUET_API void duet_debug_unguard(struct duet_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
