/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/machine.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 1024 };

bool machine_line(char *line, size_t size, const char *path_format, ...)
{
	char path[NAME_MAX_BYTES];
	va_list values;
	FILE *file;

	va_start(values, path_format);
	vsnprintf(path, sizeof(path), path_format, values);
	va_end(values);
	*line = 0;
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(line, (int)size, file))
		*line = 0;
	fclose(file);
	line[strcspn(line, "\n")] = 0;
	return true;
}

bool machine_value(char *value, size_t size, const char *path, const char *key)
{
	size_t length = strlen(key);
	FILE *file = fopen(path, "re");
	char *line = NULL, *colon;
	size_t room = 0;
	bool found = false;

	*value = 0;
	while (file && !found && getline(&line, &room, file) > 0) {
		colon = strchr(line, ':');
		found = colon && !strncmp(line, key, length) &&
			strspn(line + length, " \t") == (size_t)(colon - line) - length;
		if (found) {
			colon += 1 + strspn(colon + 1, " \t");
			colon[strcspn(colon, "\n")] = 0;
			snprintf(value, size, "%s", colon);
		}
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

unsigned int machine_cpus(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 1;
	return (unsigned int)CPU_COUNT(&allowed);
}

/* Equal for two processors that are threads of one core. */
static void siblings(int cpu, char *line, size_t size)
{
	if (!machine_line(line, size, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
			  cpu))
		snprintf(line, size, "%d", cpu);
}

bool machine_cpu_pair(int *subject, int *load)
{
	char first[128], other[128];
	cpu_set_t allowed;
	int second = -1;

	*subject = *load = -1;
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && *load < 0; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &allowed))
			continue;
		if (*subject < 0) {
			*subject = cpu;
			siblings(cpu, first, sizeof(first));
			continue;
		}
		if (second < 0)
			second = cpu;
		siblings(cpu, other, sizeof(other));
		if (strcmp(first, other) != 0)
			*load = cpu;
	}
	if (*load < 0)
		*load = second < 0 ? *subject : second;
	return *load != *subject;
}

bool machine_is_virtual(const char *proc)
{
	char path[NAME_MAX_BYTES], flags[8192];

	snprintf(path, sizeof(path), "%s/cpuinfo", proc);
	return machine_value(flags, sizeof(flags), path, "flags") && strstr(flags, " hypervisor");
}
