/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* From another thread or a signal handler. Core calls it only while the loop sleeps. */

int polling_wake_open(struct polling *polling)
{
	polling->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (polling->wake < 0)
		return -errno;
	return polling_interest_wake(polling);
}

/* The counter is never read (see polling_interest_wake): it would be full after 2^64 wakes. */
void polling_wake(struct duet_loop *loop)
{
	const struct polling *polling = polling_of(loop);
	int saved = errno;
	uint64_t one = 1;

	while (write(polling->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}
