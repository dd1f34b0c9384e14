/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include "tests/support/harness.h"

/*
 * A stream whose far end acts without the loop: a plain descriptor where there is a kernel. In the
 * reference backend's world nobody is outside the loop: there the far end is a handle, and what it
 * says is said in the next turns.
 */
enum { WIRE_SAYINGS = 8 };

struct wire {
	duet_handle near;
	duet_handle far; /* none where there is a kernel */
	int raw;
	struct trial sayings[WIRE_SAYINGS];
	unsigned said;
};

void wire_open(struct wire *wire);
/* data is lent until the near end has received it. */
void wire_say(struct wire *wire, const void *data, size_t bytes);
/* Waits for so many bytes at the far end. The near end's send must be under way. */
void wire_hear(struct wire *wire, void *data, size_t bytes);
/* Closes the far end; the near one is the case's. */
void wire_cut(struct wire *wire);

#endif
