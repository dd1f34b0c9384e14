/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_CONTINUATION_H
#define DUET_CONTINUATION_H

#include <duet/api.h>
#include <duet/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Be resumed with a result: the three steps of a C++ awaiter, over any operation.
 *
 *	if (!duet_await_ready(loop, op)) {
 *		duet_await_suspend(op, &self->continuation);
 *		return;			(to whoever called us; resume() goes on from here)
 *	}
 *	n = duet_await_resume(op);
 *
 * ready starts the operation, and says 1 if its result is there already: then there is nothing to
 * suspend for, and no callback comes. It also says 1 if the start was refused: resume gives the
 * refusal. suspend names who is resumed, once for each completion. The operation's done and
 * context belong to this protocol while it is pending; duet_op_init(op, NULL, NULL) will do.
 */
struct duet_continuation {
	void (*resume)(struct duet_continuation *continuation, struct duet_op *op);
};

DUET_API int duet_await_ready(struct duet_loop *loop, struct duet_op *op);
DUET_API void duet_await_suspend(struct duet_op *op, struct duet_continuation *continuation);
DUET_API int duet_await_resume(const struct duet_op *op);

#ifdef __cplusplus
}
#endif

#endif
