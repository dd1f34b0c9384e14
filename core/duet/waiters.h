/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_WAITERS_H
#define DUET_WAITERS_H

#include <duet/loop.h>
#include <duet/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Who waits for a primitive: what semaphores, mutexes, channels, one-shots, notifies, barriers and wait
 * groups have in common.
 *
 * A primitive is a struct of the caller's, anywhere, initialised on one loop: its functions are called
 * on that loop's thread, and nothing is allocated. To wait for it is an operation, of a kind that the
 * loop carries out itself: say what it is to do (duet_op_acquire() ...), then start it, await it, or
 * poll it, as any other. So every programming model waits in the same way, and deadline, cancel,
 * scope and shutdown end a wait as they end a receive.
 *
 * - First come, first served, without barging: who comes later never overtakes, and what is given goes
 *   to the first in line at once, not to whoever looks first.
 * - A wait that can be had at once ends inside duet_op_start() if that was allowed (DUET_INLINE), nobody
 *   stands before it, and nobody who was served before is still to be told; else in a turn.
 * - The cancel class is total: a wait that was stopped is untouched, and has taken no permit, element or
 *   wake-up. What was granted before the request came is handed over, with a disposition of
 *   completed: if you no longer want it, give it back. Nothing is ever granted to who is gone.
 * - Across loops: operations on semaphores, channels, one-shots and notifies may be started on any
 *   loop; they travel to the primitive's, are served there in the order in which they arrive, and end
 *   on their own. What they lend (an element) is touched there meanwhile. Their end, also after a
 *   cancel, needs turns of the primitive's loop: from their start until nothing of them comes there any
 *   more that is busy, so that its run goes on, and shutdown and destroy answer -EBUSY; so is the
 *   primitive, until they are served or stopped. Both may be gone while a result travels home, whatever
 *   is asked of it on its way. A loop that shuts down starts none, as no operation: what is still to be
 *   given back to another's primitive then is given back in a cleanup, or by a message.
 *   Everything else is refused on another loop with -EINVAL.
 *
 * The end of a primitive is its fini function: 0, and the memory is the caller's; -EBUSY while somebody
 * is in line, or comes from another loop, and debug builds stop there and say who. The primitive stays as
 * it was then. One that was never initialised, or has ended, refuses operations with -EINVAL as long as
 * its memory is zero or as fini left it; its functions are not to be called, and debug builds stop there.
 */
struct duet_waiters {
	struct duet_loop *loop; /* whose thread calls the primitive's functions; NULL: none any more */
	struct duet_op *first;  /* the loop's: the line, closed in a circle */
	uint32_t visitors;      /* the loops': operations of others, until they are sent home */
};

#ifdef __cplusplus
}
#endif

#endif
