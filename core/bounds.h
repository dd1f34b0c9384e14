/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_BOUNDS_H
#define CORE_BOUNDS_H

/* Every bound, with its reason. */

/* Slots are 24 bits of an identity; the low four are the backend's tag. */
#define LIMIT_SLOTS (1u << 24)

/* A stopped operation whose cancel was no ending is asked again after this long: the window it
 * closes (a worker about to start) is microseconds wide, a busy disk keeps it open for longer. */
#define LIMIT_CANCEL_AGAIN_NS 1000000

/* How long a turn may look for events instead of sleeping: a second. */
#define LIMIT_SPIN_NS 1000000000u

/* Where the kernel takes the buffers: it numbers them in 16 bits, and holds at most 2^15 of a pool. */
#define LIMIT_POOL_COUNT (1u << 15)
#define LIMIT_POOL_BUFFER_BYTES (1u << 20)

/* What the kernel pins in one piece. */
#define LIMIT_REGISTERED_BYTES (1u << 30)

#define LIMIT_WORKERS 64
#define LIMIT_SHARDS 1024

/* Operations of the loop's own, for what is abandoned: more than this many that nobody waits for are a
 * leak. Their buffers are as large as a pool's may be. */
#define LIMIT_OWNED (1u << 16)

/* Sends gathered into one call: beyond a few, the copy outweighs the saved call. */
#define LIMIT_GATHER 8

/* "=" and a value: numbers, words and lists of names; longer is a mistake. */
#define LIMIT_TUNING_VALUE_BYTES 255

#endif
