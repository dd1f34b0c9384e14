/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_MESSAGE_H
#define DUET_MESSAGE_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A message to a loop: fn is called there, once, in a turn. The memory is the sender's, lent until
 * the call. Messages of one sender keep their order. See duet_loop_post() and duet_loop_defer().
 */
struct duet_message {
	void (*fn)(struct duet_message *message);
	struct duet_message *next; /* the loop's */
};

#ifdef __cplusplus
}
#endif

#endif
