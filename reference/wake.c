/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "reference/internal.h"

/* Any thread, and signal handlers. The flag is set last: who sees it finds the count there. */
void reference_wake(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);
	const uint64_t one = 1;
	int kept = errno;

	/* It can only fail if the counter is full, and then the sleeper wakes anyway. */
	if (write(world->event_fd, &one, sizeof(one)) < 0)
		errno = kept;
	atomic_store(&world->woken, 1);
	errno = kept;
}
