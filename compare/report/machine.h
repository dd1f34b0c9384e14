/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Facts about this machine, read and never changed. proc is "/proc", or a copy for tests. */
#ifndef COMPARE_REPORT_MACHINE_H
#define COMPARE_REPORT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* The first line of a file, without its newline. false, and "", where it can't be read. */
bool machine_line(char *line, size_t size, const char *path_format, ...)
	__attribute__((format(printf, 3, 4)));

/* The value after "key : " in a file of such lines, as cpuinfo is. */
bool machine_value(char *value, size_t size, const char *path, const char *key);

/* How many processors we may run on. */
unsigned int machine_cpus(void);

/* Two processors for the two ends of a measurement: of different cores, if there are any such. false
 * where there is only one: then both are it. */
bool machine_cpu_pair(int *subject, int *load);

bool machine_is_virtual(const char *proc);

#endif
