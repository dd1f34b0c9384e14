/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/noise.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_MAX = 1024, FILE_MAX = FOLDER_MAX + 512 };

static void read_schedstat(const char *folder, const char *thread, struct noise_process *out)
{
	char path[FILE_MAX];
	uint64_t ran_ns, wait_ns;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/schedstat", folder, thread);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%" SCNu64 " %" SCNu64, &ran_ns, &wait_ns) == 2)
		out->wait_ns += wait_ns;
	fclose(file);
}

static void read_status(const char *folder, const char *thread, struct noise_process *out)
{
	char path[FILE_MAX], line[256];
	uint64_t count;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/status", folder, thread);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &count) == 1)
			out->voluntary += count;
		else if (sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &count) == 1)
			out->involuntary += count;
	}
	fclose(file);
}

int noise_read_process(const char *root, pid_t pid, struct noise_process *out)
{
	char folder[FOLDER_MAX];
	struct dirent *entry;
	DIR *tasks;

	memset(out, 0, sizeof(*out));
	snprintf(folder, sizeof(folder), "%s/%d/task", root, (int)pid);
	tasks = opendir(folder);
	if (!tasks)
		return -errno;
	while ((entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		out->threads++;
		read_schedstat(folder, entry->d_name, out);
		read_status(folder, entry->d_name, out);
	}
	closedir(tasks);
	return 0;
}

/* One line of /proc/stat: of a processor that is meant, else nothing is added. False at the end of
 * those lines. */
static bool add_processor(const char *line, const cpu_set_t *where, struct noise_machine *out,
			  int *fields)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, tick_ns;
	unsigned int number;

	if (strncmp(line, "cpu", 3) != 0)
		return false;
	if (line[3] == ' ')
		return true; /* the sum of all */
	*fields = sscanf(line,
			 "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			 " %" SCNu64 " %" SCNu64, &number, &user, &nice, &system, &idle, &iowait,
			 &irq, &softirq, &steal);
	if (*fields != 9)
		return false;
	if (where && number < CPU_SETSIZE && !CPU_ISSET(number, where))
		return true;
	tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	out->busy_ns += (user + nice + system + irq + softirq) * tick_ns;
	out->steal_ns += steal * tick_ns;
	return true;
}

int noise_read_machine(const char *root, const cpu_set_t *where, struct noise_machine *out)
{
	char path[FILE_MAX], line[512];
	int fields = 0;
	FILE *file;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s/stat", root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file) && add_processor(line, where, out, &fields))
		continue;
	fclose(file);
	return fields == 9 ? 0 : -EPROTO;
}

const char *noise_cause(const struct noise *noise)
{
	double elapsed = (double)noise->elapsed_ns;

	if ((double)noise->steal_ns > 0.01 * elapsed)
		return "processor time taken by the hypervisor";
	if ((double)noise->wait_ns <= 0.02 * elapsed)
		return NULL;
	if ((double)noise->others_cpu_ns <= 0.05 * elapsed)
		return NULL;
	return "processor time taken by other programs";
}
