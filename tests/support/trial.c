/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/support/harness.h"

static void record(struct trial *trial)
{
	struct duet_op *op = &trial->op;

	ck_assert_msg(stage.inside == 0, "a completion was called from inside start or cancel");
	if (op->more) {
		ck_assert_msg(trial->ends == 0, "an interim completion came after the end");
		ck_assert(duet_op_pending(op));
		trial->items++;
	} else {
		ck_assert_msg(!duet_op_pending(op), "an operation is pending at its own end");
		trial->ends++;
		trial->rank = ++stage.ends;
		trial->turn = stage.turns;
	}
}

static void heard(struct duet_op *op)
{
	struct trial *trial = op->context;
	unsigned library = stage.library;

	stage.library = 0;
	record(trial);
	if (trial->then)
		trial->then(trial);
	stage.library = library;
}

void trial_init(struct trial *trial)
{
	memset(trial, 0, sizeof(*trial));
	duet_op_init(&trial->op, heard, trial);
}

int trial_try(struct trial *trial)
{
	int answer;

	unsigned library = stage.library;

	stage.inside++;
	stage.library = 1;
	answer = duet_op_start(stage.loop, &trial->op);
	stage.library = library;
	stage.inside--;
	return answer;
}

void trial_start(struct trial *trial)
{
	int answer = trial_try(trial);

	ck_assert_msg(answer == 0, "on %s: %s did not start: %s", stage.arm->name,
		duet_kind_name(trial->op.kind), duet_error_name(answer));
	ck_assert(duet_op_pending(&trial->op));
}

void trial_cancel(struct trial *trial)
{
	unsigned library = stage.library;

	stage.inside++;
	stage.library = 1;
	duet_op_cancel(&trial->op);
	stage.library = library;
	stage.inside--;
}

int trial_run(struct trial *trial)
{
	trial->ends = 0;
	trial_start(trial);
	await(trial);
	return trial->op.result;
}

const char *trial_text(const struct trial *trial)
{
	static char text[200];
	const struct duet_op *op = &trial->op;

	snprintf(text, sizeof(text), "%s ended %u times, result %d (%s), %s, cause %s, %u bytes",
		duet_kind_name(op->kind), trial->ends, op->result,
		op->result < 0 ? duet_error_name(op->result) : "no error",
		duet_disposition_name(op->disposition), duet_cause_name(op->cause),
		op->transferred);
	return text;
}
