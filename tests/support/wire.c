/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/wire.h"

#include <unistd.h>

void wire_open(struct wire *wire)
{
	duet_handle pair[2];

	memset(wire, 0, sizeof(*wire));
	for (unsigned i = 0; i < WIRE_SAYINGS; i++)
		trial_init(&wire->sayings[i]);
	if (stage.arm->kernel) {
		raw_pair(&wire->near, &wire->raw);
		return;
	}
	pair_open(pair);
	wire->near = pair[0];
	wire->far = pair[1];
}

void wire_say(struct wire *wire, const void *data, size_t bytes)
{
	struct trial *saying = &wire->sayings[wire->said++ % WIRE_SAYINGS];

	if (stage.arm->kernel) {
		raw_send(wire->raw, data, bytes);
		return;
	}
	turn_until(!duet_op_pending(&saying->op));
	trial_init(saying);
	duet_op_send(&saying->op, wire->far, data, bytes, DUET_WHOLE);
	trial_start(saying);
}

void wire_hear(struct wire *wire, void *data, size_t bytes)
{
	unsigned char *next = data;
	ssize_t count;

	if (!stage.arm->kernel) {
		stream_recv(wire->far, data, bytes);
		return;
	}
	for (; bytes > 0; bytes -= (size_t)count, next += count) {
		turn_until((count = recv(wire->raw, next, bytes, MSG_DONTWAIT)) != -1);
		ck_assert_int_gt(count, 0);
	}
}

void wire_cut(struct wire *wire)
{
	if (stage.arm->kernel)
		close(wire->raw);
	else
		handle_close(wire->far);
}
