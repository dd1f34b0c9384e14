/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/twins/arms.h"

#include <dirent.h>
#include <duet/completion.h>
#include <duet/polling.h>
#include <duet/reference.h>
#include <stdio.h>
#include <string.h>

const struct arm arms[ARMS_COUNT] = {
	{ "reference", duet_reference, "", false, false },
	{ "polling", duet_polling, "", true, false },
	{ "completion", duet_completion, "mode=deferred", true, true },
	{ "completion-plain", duet_completion, "mode=plain", true, true },
};

const struct arm *arm_find(const char *name)
{
	for (unsigned i = 0; i < ARMS_COUNT; i++) {
		if (strcmp(arms[i].name, name) == 0)
			return &arms[i];
	}
	return NULL;
}

void arm_tuning(const struct arm *arm, const struct script *script, const char *more, char *text)
{
	char own[64];
	const char *comma = ",";

	/* The smallest queue there is, so that it is full now and then. */
	snprintf(own, sizeof(own), "%s%s", arm->tuning,
		arm->ring && !script->calm ? ",entries=8" : "");
	/* Short transfers would be a difference of their own where players are to agree. */
	if (!arm->kernel)
		snprintf(own, sizeof(own), "seed=%llu,short=%d", (unsigned long long)script->seed,
			script->calm ? 0 : 250);
	if (!more || !*more || !*own)
		comma = "";
	snprintf(text, ARM_TUNING_BYTES, "%s%s%s", own, comma, more ? more : "");
}

int arm_descriptors(const struct arm *arm, const struct duet_loop *loop)
{
	DIR *directory;
	int count = 0;

	if (!arm->kernel)
		return (int)duet_reference_descriptors(loop);
	directory = opendir("/proc/self/fd");
	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}
