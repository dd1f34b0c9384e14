/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is to be had on this machine, and in which tuning. */

static const char *const tuning_keys[] = {"events", "eager", NULL};

enum { EVENTS_DEFAULT = 512, EVENTS_LIMIT = 4096 };

int polling_tuning(const char *tuning, uint32_t *events_max, bool *eager)
{
	char text[16];
	char *end;
	long number;

	*events_max = EVENTS_DEFAULT;
	*eager = false;
	if (duet_core_tuning_check(tuning, tuning_keys))
		return -EINVAL;
	if (duet_core_tuning(tuning, "events", text, sizeof(text))) {
		number = strtol(text, &end, 10);
		if (*end || number < 1 || number > EVENTS_LIMIT)
			return -EINVAL;
		*events_max = (uint32_t)number;
	}
	if (duet_core_tuning(tuning, "eager", text, sizeof(text))) {
		*eager = strcmp(text, "yes") == 0;
		if (!*eager && strcmp(text, "no") != 0)
			return -EINVAL;
	}
	return 0;
}

void polling_capabilities(uint8_t *capability, bool workers)
{
	static const enum duet_kind of_files[] = {DUET_READ, DUET_WRITE, DUET_OPEN, DUET_FSYNC};

	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++)
		capability[kind] = polling_carries((enum duet_kind)kind) ? DUET_NATIVE : DUET_ABSENT;
	capability[DUET_TIMEOUT] = DUET_NATIVE;
	capability[DUET_SEND_ZERO_COPY] = DUET_EMULATED;
	for (size_t i = 0; i < sizeof(of_files) / sizeof(of_files[0]); i++)
		capability[of_files[i]] = workers ? DUET_EMULATED : DUET_ABSENT;
}

static int refuse(struct duet_probe *probe, int error, const char *what)
{
	const char *advice = error == -EMFILE ? "raise the limit of open files (ulimit -n)"
			     : error == -ENFILE ? "raise the system's limit (sysctl fs.file-max)"
			     : error == -ENOMEM ? "free memory"
			     : error == -ENOSPC
				     ? "raise fs.epoll.max_user_watches"
				     : "see whether a seccomp filter or a container forbids it";

	probe->error = error;
	snprintf(probe->reason, sizeof(probe->reason), "%s was refused with %s: %s", what,
		 duet_error_name(error), advice);
	return error;
}

/* A real wake through a real set. */
static int try_wake(struct polling *polling, struct duet_probe *probe)
{
	struct duet_loop loop = {.state = polling};
	struct epoll_event event;
	int count;

	polling_wake(&loop);
	do
		count = epoll_wait(polling->epoll, &event, 1, 1000);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return refuse(probe, -errno, "epoll_wait");
	if (count != 1 || event.data.u64 != POLLING_WAKE_IDENTITY)
		return refuse(probe, -EIO, "epoll_wait after a write to an eventfd");
	return 0;
}

static int try_set(struct polling *polling, struct duet_probe *probe)
{
	int error;

	polling->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (polling->epoll < 0)
		return refuse(probe, -errno, "epoll_create1");
	error = polling_wake_open(polling);
	if (error)
		return refuse(probe, error, polling->wake < 0 ? "eventfd" : "epoll_ctl");
	return try_wake(polling, probe);
}

int polling_probe(const char *tuning, struct duet_probe *probe)
{
	struct polling polling = {.epoll = -1, .wake = -1};
	int error;

	*probe = (struct duet_probe){0};
	if (polling_tuning(tuning, &polling.events_max, &polling.eager)) {
		probe->error = -EINVAL;
		snprintf(probe->reason, sizeof(probe->reason),
			 "the tuning \"%.60s\" makes no sense: give events=1 to events=%d, and "
			 "eager=yes or eager=no", tuning, EVENTS_LIMIT);
		return -EINVAL;
	}
	error = try_set(&polling, probe);
	if (polling.wake >= 0)
		close(polling.wake);
	if (polling.epoll >= 0)
		close(polling.epoll);
	if (error)
		return error;
	snprintf(probe->shape, sizeof(probe->shape), "edge-triggered, registered once, %s",
		 polling.eager ? "received as soon as ready" : "attempt first when predicted");
	polling_capabilities(probe->capability, true);
	return 0;
}
