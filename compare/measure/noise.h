/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the rest of the machine did to a measurement, taken from procfs: it needs no privileges, and
 * works for any process, so that an arm that isn't ours is judged like the twins. */
#ifndef COMPARE_MEASURE_NOISE_H
#define COMPARE_MEASURE_NOISE_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/* Sums over the threads that live at the moment of reading. */
struct noise_process {
	uint64_t wait_ns;     /* ready to run, but not running */
	uint64_t voluntary;   /* context switches: waited for something */
	uint64_t involuntary; /* context switches: was put aside */
	unsigned int threads;
};

struct noise_machine {
	uint64_t busy_ns;  /* of the processors that were asked about; ticks of 10 ms */
	uint64_t steal_ns; /* taken by the hypervisor */
};

/* root is "/proc", or a copy for tests. 0, or a negative errno where there is no such process. Of the
 * machine those processors are read that are named, or with NULL all of them. */
int noise_read_process(const char *root, pid_t pid, struct noise_process *out);
int noise_read_machine(const char *root, const cpu_set_t *where, struct noise_machine *out);

struct noise {
	uint64_t elapsed_ns;
	uint64_t wait_ns;       /* of the measured processes, the worse one */
	uint64_t steal_ns;
	uint64_t others_cpu_ns; /* processor time that went to other programs where these may run */
};

/* Why a measurement was disturbed, as a phrase for people; NULL if it was quiet. More than 2 % of
 * the time spent ready to run but waiting is a disturbance, unless no other program was there to
 * cause it (then the arm's own threads stood in each other's way, and that is a property of it);
 * and so is more than 1 % stolen. */
const char *noise_cause(const struct noise *noise);

#endif
