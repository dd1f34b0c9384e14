/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "twins.h"

#include <duet/completion.h>
#include <duet/polling.h>
#include <stdio.h>

const struct twin twins[TWINS] = {
	{ "polling", duet_polling },
	{ "completion", duet_completion },
};

struct duet_loop *twin_loop(const struct twin *twin, uint32_t operations_max)
{
	struct duet_loop_options options;
	struct duet_probe probe;
	struct duet_loop *loop;
	int rc;

	duet_loop_options_init(&options);
	options.operations_max = operations_max;
	options.worker_threads = 0;
	rc = duet_loop_create(&loop, twin->backend(), &options);
	if (rc == 0)
		return loop;
	duet_backend_probe(twin->backend(), NULL, &probe);
	fprintf(stderr, "bench: %s: %s: %s\n", twin->name, duet_error_name(rc), probe.reason);
	return NULL;
}
