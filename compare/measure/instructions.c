/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/instructions.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int instructions_open(void)
{
	struct perf_event_attr wanted = { .type = PERF_TYPE_HARDWARE,
					  .size = sizeof(wanted),
					  .config = PERF_COUNT_HW_INSTRUCTIONS,
					  .exclude_kernel = 1,
					  .exclude_hv = 1 };
	long fd = syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

double instructions_read(int counter)
{
	uint64_t count;

	return counter >= 0 && read(counter, &count, sizeof(count)) == sizeof(count) ? (double)count
										     : NAN;
}

void instructions_close(int counter)
{
	if (counter >= 0)
		close(counter);
}
