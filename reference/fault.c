/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/internal.h"

/* Errors that this world would never make by itself: drawn of what Linux may answer, or demanded for
 * one operation. */

#define FAULTS_MAX 4

static const int faults[DUET_IO_KIND_COUNT][FAULTS_MAX] = {
	[DUET_POLL] = { ENOMEM },
	[DUET_ACCEPT] = { EMFILE, ENFILE, ENOBUFS },
	[DUET_CONNECT] = { ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED },
	[DUET_RECV] = { ECONNRESET, ETIMEDOUT },
	[DUET_SEND] = { ECONNRESET, EPIPE, ENOBUFS },
	[DUET_SEND_ZERO_COPY] = { ECONNRESET, EPIPE, ENOBUFS },
	[DUET_READ] = { EIO },
	[DUET_WRITE] = { ENOSPC, EIO, EDQUOT, EFBIG },
	[DUET_OPEN] = { EMFILE, ENFILE, EACCES, ENOENT },
	[DUET_FSYNC] = { EIO, ENOSPC },
	[DUET_SHUTDOWN] = { ENOTCONN },
	[DUET_CLOSE] = { EIO },
	[DUET_SOCKET] = { EMFILE, ENFILE, ENOBUFS },
	[DUET_BIND] = { EADDRINUSE, EACCES },
	[DUET_LISTEN] = { EADDRINUSE },
	[DUET_STATX] = { EACCES, EIO },
	[DUET_MKDIR] = { EACCES, ENOSPC, EDQUOT, EROFS },
	[DUET_UNLINK] = { EACCES, EBUSY, EROFS },
	[DUET_RENAME] = { EACCES, EXDEV, ENOSPC, EROFS },
	[DUET_LINK] = { EACCES, EXDEV, EMLINK, ENOSPC },
	[DUET_SYMLINK] = { EACCES, ENOSPC, EDQUOT, EROFS },
	[DUET_TRUNCATE] = { EIO, EPERM },
	[DUET_ALLOCATE] = { ENOSPC, EOPNOTSUPP, EDQUOT, EFBIG },
	[DUET_RECVMSG] = { ECONNRESET, ETIMEDOUT },
	[DUET_SENDMSG] = { ECONNRESET, EPIPE, ENOBUFS },
	[DUET_SPLICE] = { ENOMEM, EIO },
};

static int fault_demanded(struct reference *world, enum duet_kind kind)
{
	int error = 0;

	for (uint32_t i = 0; i < world->demand_count; i++) {
		struct demand *demand = &world->demands[i];

		if (demand->kind == kind && demand->left && --demand->left == 0)
			error = demand->error;
	}
	return error;
}

static int fault_drawn(struct reference *world, enum duet_kind kind)
{
	uint32_t count = 0;

	while (count < FAULTS_MAX && faults[kind][count])
		count++;
	if (!count || !reference_draw(world, KNOB_FAULT))
		return 0;
	return faults[kind][random_below(&world->random, count)];
}

int fault_draw(struct reference *world, const struct duet_op *op)
{
	enum duet_kind kind = (enum duet_kind)op->kind;
	int error;

	if (world->sheltered)
		return 0;
	error = fault_demanded(world, kind);
	return -(error ? error : fault_drawn(world, kind));
}

int fault_demand(struct reference *world, enum duet_kind kind, uint32_t number, int error)
{
	if ((unsigned)kind >= DUET_IO_KIND_COUNT || kind == DUET_TIMEOUT || !number || error <= 0 ||
	    error > 4095 || error == EAGAIN || error == ECANCELED)
		return -EINVAL;
	if (world->demand_count == REFERENCE_DEMANDS)
		return -ENOSPC;
	world->demands[world->demand_count++] = (struct demand){ (uint8_t)kind, number, error };
	return 0;
}

static int error_named(const char *name)
{
	for (int error = 1; error < 134; error++) {
		if (strcmp(duet_error_name(error), name) == 0)
			return error;
	}
	return 0;
}

int fault_parse(struct reference *world, enum duet_kind kind, const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end != ':' || *text == '-' || number > UINT32_MAX)
		return -EINVAL;
	return fault_demand(world, kind, (uint32_t)number, error_named(end + 1));
}

int duet_reference_fault(struct duet_loop *loop, enum duet_kind kind, uint32_t number, int error)
{
	return fault_demand(reference_of(loop), kind, number, error);
}

void duet_reference_shelter(struct duet_loop *loop, int sheltered)
{
	reference_of(loop)->sheltered = sheltered != 0;
}
