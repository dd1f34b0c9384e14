/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "place.h"

#include <errno.h>
#include <sched.h>

unsigned int place_count(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 1;
	return (unsigned int)CPU_COUNT(&allowed);
}

int place_process(pid_t pid, enum place place)
{
	cpu_set_t allowed, one;
	size_t found = CPU_SETSIZE;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	for (size_t processor = 0; processor < CPU_SETSIZE; processor++) {
		if (!CPU_ISSET(processor, &allowed))
			continue;
		found = processor;
		if (place == PLACE_FIRST)
			break;
	}
	if (found == CPU_SETSIZE)
		return -ESRCH;
	CPU_ZERO(&one);
	CPU_SET(found, &one);
	return sched_setaffinity(pid, sizeof(one), &one) ? -errno : 0;
}
