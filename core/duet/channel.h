/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_CHANNEL_H
#define DUET_CHANNEL_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A bounded channel: elements of one size, first in, first out, from any number of senders to any number
 * of receivers, each element to one of them. Elements are copied into the channel's memory and out of
 * it; to pass on what is larger, or owned, send pointers. See <duet/waiters.h> for what is common to
 * all primitives.
 *
 * With a capacity of 0 it is a rendezvous: a send ends when a receive has taken the element, copied from
 * memory to memory.
 */
struct duet_channel {
	struct duet_waiters waiters; /* senders or receivers: never both */
	/* Read by the caller. */
	uint32_t capacity;
	uint32_t count; /* elements inside */
	uint8_t closed;
	/* Its own. */
	uint32_t head;
	size_t element_bytes;
	unsigned char *memory;
};

/* memory: capacity * element_bytes bytes of the caller's, lent until fini; NULL if capacity is 0.
 * 0, or -EINVAL: elements of 0 bytes, or memory that doesn't go with the capacity. */
DUET_API int duet_channel_init(struct duet_channel *channel, struct duet_loop *loop, void *memory,
			       uint32_t capacity, size_t element_bytes);
/* 0, or -EBUSY. Elements inside are forgotten: who owns something through them closes the channel
 * and receives until it is drained. */
DUET_API int duet_channel_fini(struct duet_channel *channel);

/* Sends one element, which is lent; result 0: it is in the channel, or with its receiver. -EPIPE: the
 * channel is closed, or was while this waited. The element was not sent then, nor after a stop. */
DUET_API void duet_op_channel_send(struct duet_op *op, struct duet_channel *channel,
				   const void *element);

/* Receives one element into memory that is lent. Result 1: it is there; 0: the channel is closed and
 * drained, nothing more comes (as at the end of a stream). After a stop the memory is as it was. */
DUET_API void duet_op_channel_recv(struct duet_op *op, struct duet_channel *channel, void *element);

/* The same without waiting: their result, or -EAGAIN. */
DUET_API int duet_channel_try_send(struct duet_channel *channel, const void *element);
DUET_API int duet_channel_try_recv(struct duet_channel *channel, void *element);

/* Nothing more is sent: senders in line fail with -EPIPE; what is inside can still be received.
 * Repeatable. */
DUET_API void duet_channel_close(struct duet_channel *channel);

/* The same as an operation, result 0, which may be started on any loop. */
DUET_API void duet_op_channel_close(struct duet_op *op, struct duet_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
