/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * A wire between two hosts that it makes: two network namespaces, a tunnel device in each, and a
 * process that carries every packet from one to the other after a delay. Nothing of it has a name: it
 * is gone with the processes that use it, however they end.
 *
 * On bare loopback an answer is there before anybody can look; over a wire it isn't, as between
 * machines.
 */
#ifndef COMPARE_WIRE_H
#define COMPARE_WIRE_H

#include <stdint.h>

#include "compare/measure/process.h"

#define WIRE_SERVER_HOST "10.77.0.1"

struct wire {
	int server, load;       /* the namespaces, for process_start_in(); -1: this one, no wire */
	struct process carrier; /* of the packets */
};

extern const struct wire WIRE_NONE;

/* Both directions are delayed by delay_ns each. An exit code; why has been said. Needs the right to
 * make network namespaces and devices. */
int wire_open(struct wire *wire, uint64_t delay_ns, int cpu);
/* The process that carries the packets has ended by itself. */
bool wire_is_cut(const struct wire *wire);

void wire_close(struct wire *wire);

/* duet play wire: the process that carries the packets, on descriptors that it inherits. */
int wire_command(int argc, char **argv);

#endif
