/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_HANDLE_H
#define CORE_HANDLE_H

#include "core/loop.h"

/* All of enum duet_handle_flags. */
extern const unsigned core_handle_flags;

/* A handle of the descriptor that op (accept, open, socket) made. 0, -ENFILE, or attach's error;
 * then fd is still to be disposed of. */
int core_handle_made(struct duet_loop *loop, const struct duet_op *op, int fd,
		     duet_handle *handle);

/* Sets slot->plain, which follows from its state, class, flags and policy: to be called whenever one
 * of them has changed. */
void core_handle_describe(const struct duet_loop *loop, struct duet_slot *slot);

/* The socket of slot became a listener. */
void core_handle_listens(struct duet_slot *slot);

/* Is it a stream socket that doesn't listen? Where that isn't known the kernel is asked, once: listen(2)
 * may have been called behind our back. */
bool core_handle_never_accepts(struct duet_loop *loop, struct duet_slot *slot);

/* The descriptor of slot is closed, or somebody else's again: the generation ends. */
void core_handle_closed(struct duet_loop *loop, struct duet_slot *slot);

/* Closes a descriptor that nobody knows. */
void core_discard(struct duet_loop *loop, int fd);

/* The same for a handle that was just made, and of which nobody knows. */
void core_handle_drop(struct duet_loop *loop, duet_handle handle);

/* Closes what is left: the end of the loop. */
void core_handles_close(struct duet_loop *loop);

#endif
