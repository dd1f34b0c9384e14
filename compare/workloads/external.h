/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* An external arm: any program that serves echo over TCP on a port of 127.0.0.1 that it is told. */
#ifndef COMPARE_WORKLOADS_EXTERNAL_H
#define COMPARE_WORKLOADS_EXTERNAL_H

#include "compare/arm.h"
#include "compare/measure/process.h"

/* Starts it by the shell, with a free port in place of {port} and the host, which is one of the network
 * namespace in where, in place of {host}, and waits until somebody listens there; address becomes
 * HOST:PORT. 0; a negative errno: no process or no port; -ETIMEDOUT: it runs, and nobody listens;
 * -ESRCH: it has ended; -EINTR after Ctrl-C. */
int external_start(const struct arm *arm, struct process *process,
		   const struct process_where *where, const char *host, char *address,
		   size_t address_size);

#endif
