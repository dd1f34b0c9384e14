/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare/backends.h"
#include "compare/say.h"

int part_create_loop(struct part *part, struct duet_loop_options *options)
{
	const struct duet_backend *backend = backends_find(part->arm.backend);
	struct duet_probe probe = {0};
	int status;

	if (!backend)
		return say_failure(SAY_USAGE, "there is no backend '%s'", part->arm.backend);
	arm_tune(&part->arm, options);
	status = duet_loop_create(&part->loop, backend, options);
	if (!status)
		return SAY_OK;
	duet_backend_probe(backend, options->tuning, &probe);
	return say_failure(probe.error == -EINVAL ? SAY_USAGE : SAY_UNMEASURED,
			   "can't use %s: %s%s", part->arm.backend,
			   probe.error ? probe.reason : strerror(-status),
			   probe.error ? "" : say_advice(status));
}

int part_open_held(struct part *part, const char *path)
{
	part->held = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (path && part->held < 0)
		return say_failure(SAY_UNMEASURED, "can't open %s: %s", path, strerror(errno));
	return SAY_OK;
}

void part_hold(const struct part *part, const char *word)
{
	char byte;

	if (part->held < 0)
		return;
	puts(word);
	fflush(stdout);
	while (read(part->held, &byte, 1) < 0 && errno == EINTR)
		continue;
}

void part_open_window(struct part *part)
{
	if (part->held < 0)
		window_open(&part->window, getpid(), part->carrier);
	else
		part->window.opened.at_ns = window_now_ns();
}

void part_close_window(struct part *part)
{
	if (part->held < 0)
		window_close(&part->window);
	else
		part->window.closed.at_ns = window_now_ns();
}
