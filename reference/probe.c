/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/internal.h"

static const char *const keys[] = { "seed", "fault", "short", "late", NULL };

/* A number up to max; *value is left alone if the key is absent. */
static int tuning_number(const char *tuning, const char *key, uint64_t max, uint64_t *value)
{
	char text[32], *end;
	uint64_t number;

	if (!duet_core_tuning(tuning, key, text, sizeof(text)))
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end || end == text || errno || *text == '-' || number > max)
		return -EINVAL;
	*value = number;
	return 0;
}

int reference_tune(struct reference *world, const char *tuning)
{
	uint64_t seed = 1, fault = 0, shorten = 250, late = 500;

	if (duet_core_tuning_check(tuning, keys) ||
	    tuning_number(tuning, "seed", UINT64_MAX, &seed) ||
	    tuning_number(tuning, "fault", 1000, &fault) ||
	    tuning_number(tuning, "short", 1000, &shorten) ||
	    tuning_number(tuning, "late", 1000, &late))
		return -EINVAL;
	random_seed(&world->random, seed);
	world->fault = (uint32_t)fault;
	world->shorten = (uint32_t)shorten;
	world->late = (uint32_t)late;
	return 0;
}

/* Memory is all it needs, and create says so if there is none: what can be refused is the
 * tuning. */
int reference_probe(const char *tuning, struct duet_probe *probe)
{
	struct reference scratch = { .event_fd = -1 };

	memset(probe, 0, sizeof(*probe));
	memset(probe->capability, DUET_NATIVE, sizeof(probe->capability));
	snprintf(probe->shape, sizeof(probe->shape), "in memory, seeded, virtual time");
	probe->error = reference_tune(&scratch, tuning);
	if (probe->error)
		snprintf(probe->reason, sizeof(probe->reason),
			"tuning \"%.80s\" is not understood; the keys are seed=N, and fault=N, "
			"short=N, late=N of 0 to 1000",
			tuning);
	return probe->error;
}
