/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * A stranger's program, as C and as C++: knows the installed headers and one backend, named on the
 * command line of its compiler.
 */
#include <duet/duet.h>
#include BACKEND_HEADER

#include <stdio.h>
#include <string.h>

#define MILLISECOND_NS 1000000

static void count(struct duet_op *op)
{
	int *ends = (int *)op->context;

	++*ends;
}

static int complain(const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", duet_backend_name(BACKEND()), what, duet_error_name(error));
	return 1;
}

int main(void)
{
	struct duet_loop *loop;
	struct duet_op op;
	int ends = 0;
	int error;

	if (strcmp(duet_version(), DUET_VERSION_STRING) != 0)
		return complain("library and headers differ in version", 0);
	error = duet_loop_create(&loop, BACKEND(), NULL);
	if (error)
		return complain("create", error);
	duet_op_init(&op, count, &ends);
	duet_op_timeout(&op, duet_loop_now_ns(loop) + MILLISECOND_NS);
	error = duet_op_start(loop, &op);
	if (error)
		return complain("start", error);
	error = duet_loop_run(loop);
	if (error)
		return complain("run", error);
	if (ends != 1 || op.result != 0 || op.disposition != DUET_COMPLETED)
		return complain("the timeout did not end as promised", op.result);
	error = duet_loop_destroy(loop);
	if (error)
		return complain("destroy", error);
	puts(duet_backend_name(BACKEND()));
	return 0;
}
