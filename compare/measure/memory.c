/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/memory.h"

#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The value of a row as "VmData:   123 kB", in bytes. */
static double read_row(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	double bytes = NAN;
	uint64_t kib;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), ": %" SCNu64, &kib) == 1)
			bytes = (double)kib * 1024;
	}
	if (file)
		fclose(file);
	return bytes;
}

/* Of all private mappings the allocator has a part, of which it has given out what it says: but for whole
 * mappings of its own the rest is its reserve. */
void memory_read(struct memory *memory)
{
	const double mapped = read_row("/proc/self/status", "VmData");
	struct mallinfo2 info = mallinfo2();

	memory->held_bytes = mapped - (double)info.arena + (double)info.uordblks;
	memory->touched_bytes = read_row("/proc/self/smaps_rollup", "Private_Dirty");
}
