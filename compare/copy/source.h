/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The file that is copied, opened and looked at while nothing else is to be done. */
#ifndef COMPARE_COPY_SOURCE_H
#define COMPARE_COPY_SOURCE_H

#include <duet/handle.h>
#include <duet/operation.h>
#include <stdbool.h>
#include <sys/stat.h>

struct source {
	const char *path;
	bool direct;
	duet_handle file;
	struct statx is; /* of the file that is open */
};

/* What stands at path, or what is open: 0 or a negative errno. */
int copy_look(struct duet_loop *loop, struct duet_op *op, const char *path, struct statx *is);
int copy_look_at(struct duet_loop *loop, struct duet_op *op, duet_handle file, struct statx *is);

/* An exit code; why has been said. */
int source_open(struct source *source, struct duet_loop *loop, struct duet_op *op);

/* What to do about it, behind the words for it; or "". */
const char *copy_advice(int error, bool direct);

#endif
