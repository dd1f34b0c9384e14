/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/noise.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
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

int noise_read_machine(const char *root, struct noise_machine *out)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, tick_ns;
	char path[FILE_MAX];
	int fields;
	FILE *file;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s/stat", root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	fields = fscanf(file,
			"cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			" %" SCNu64 " %" SCNu64,
			&user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal);
	fclose(file);
	if (fields != 8)
		return -EPROTO;
	tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	out->busy_ns = (user + nice + system + irq + softirq) * tick_ns;
	out->steal_ns = steal * tick_ns;
	return 0;
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
