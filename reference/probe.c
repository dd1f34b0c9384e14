/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/internal.h"

/* In the order of enum knob, then those of the kinds. */
static const char *const keys[] = { "seed", "fault", "short", "late", "later", "again", "room",
	"buffer", "stop", "behind", "hold", "fault-nop", "fault-poll", "fault-accept", "fault-connect",
	"fault-recv", "fault-send", "fault-read", "fault-write", "fault-open", "fault-fsync",
	"fault-shutdown", "fault-close", "fault-socket", "fault-bind", "fault-listen",
	"fault-recvmsg", "fault-sendmsg", "fault-send-zero-copy",
	"fault-statx", "fault-mkdir", "fault-unlink", "fault-rename", "fault-link", "fault-symlink",
	"fault-truncate", "fault-allocate", "fault-signal", "fault-wait-process", NULL };

static const uint32_t defaults[KNOB_COUNT] = { [KNOB_SHORT] = 250, [KNOB_LATE] = 500,
	[KNOB_LATER] = 500, [KNOB_AGAIN] = 50, [KNOB_ROOM] = 20, [KNOB_BUFFER] = 500,
	[KNOB_STOP] = 500, [KNOB_BEHIND] = 500, [KNOB_HOLD] = 500 };

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

static int tune_faults(struct reference *world, const char *tuning)
{
	int error = 0;

	for (unsigned kind = 0; kind < DUET_IO_KIND_COUNT && !error; kind++) {
		char key[32], text[32];

		snprintf(key, sizeof(key), "fault-%s", duet_kind_name((enum duet_kind)kind));
		if (duet_core_tuning(tuning, key, text, sizeof(text)))
			error = fault_parse(world, (enum duet_kind)kind, text);
	}
	return error;
}

void reference_capabilities(uint8_t *capability)
{
	for (unsigned kind = 0; kind < DUET_IO_KIND_COUNT; kind++)
		capability[kind] = finish_carries((enum duet_kind)kind) ? DUET_NATIVE : DUET_ABSENT;
	capability[DUET_TIMEOUT] = DUET_NATIVE;
}

int reference_tune(struct reference *world, const char *tuning)
{
	uint64_t seed = 1;

	if (duet_core_tuning_check(tuning, keys) ||
	    tuning_number(tuning, "seed", UINT64_MAX, &seed))
		return -EINVAL;
	random_seed(&world->random, seed);
	for (unsigned knob = 0; knob < KNOB_COUNT; knob++) {
		uint64_t value = defaults[knob];

		if (tuning_number(tuning, keys[1 + knob], 1000, &value))
			return -EINVAL;
		world->knobs[knob] = (uint32_t)value;
	}
	return tune_faults(world, tuning);
}

/* Memory is all it needs, and create says so if there is none: what can be refused is the
 * tuning. */
int reference_probe(const char *tuning, struct duet_probe *probe)
{
	struct reference scratch = { .event_fd = -1 };

	memset(probe, 0, sizeof(*probe));
	reference_capabilities(probe->capability);
	snprintf(probe->shape, sizeof(probe->shape), "in memory, seeded, virtual time");
	probe->error = reference_tune(&scratch, tuning);
	if (probe->error)
		snprintf(probe->reason, sizeof(probe->reason),
			"tuning \"%.50s\" is not understood; the keys are seed=N, fault-KIND=N:ERRNO, "
			"and of 0 to 1000 fault short late later again room buffer stop behind hold",
			tuning);
	return probe->error;
}
