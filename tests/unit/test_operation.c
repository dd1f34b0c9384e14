/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/operation.h"
#include "tests/support/harness.h"

/* The table of legal moves, and what a raw result means. */

/* As the comment on enum core_state says it. */
static const char *const legal[STATE_COUNT] = {
	[STATE_IDLE] = "waiting issued",
	[STATE_WAITING] = "issued ended",
	[STATE_ISSUED] = "issued waiting stopping cancelling result ended",
	[STATE_STOPPING] = "stopping cancelling result ended",
	[STATE_CANCELLING] = "stopping result ended",
	[STATE_RESULT] = "holding",
	[STATE_HOLDING] = "ended",
	[STATE_ENDED] = "idle",
};

START_TEST(only_the_moves_of_the_diagram_are_legal)
{
	for (unsigned from = 0; from < STATE_COUNT; from++) {
		for (unsigned to = 0; to < STATE_COUNT; to++) {
			bool said = strstr(legal[from], core_state_name(to)) != NULL;

			ck_assert_msg(said == core_state_may(from, to), "%s -> %s",
				core_state_name(from), core_state_name(to));
		}
	}
}
END_TEST

START_TEST(an_illegal_move_stops_the_program_in_every_build)
{
	struct duet_op op;
	int status;
	pid_t child = fork();

	if (child == 0) {
		close(2);
		duet_op_init(&op, NULL, NULL);
		op.state = STATE_ENDED;
		core_state_set(&op, STATE_ISSUED);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

struct row {
	enum duet_kind kind;
	unsigned flags;
	uint32_t length;
	uint32_t before; /* bytes moved by earlier pieces */
	enum duet_cause request;
	int raw;
	bool issued;
	int result;
	enum duet_disposition disposition;
	enum duet_cause cause;
};

#define CANCEL DUET_CAUSE_CANCEL
#define ITSELF DUET_CAUSE_ITSELF
#define LATE DUET_CAUSE_DEADLINE

static const struct row rows[] = {
	{ DUET_NOP, 0, 0, 0, ITSELF, 0, true, 0, DUET_COMPLETED, ITSELF },
	{ DUET_POLL, 0, 0, 0, CANCEL, 1, true, 1, DUET_COMPLETED, ITSELF },
	{ DUET_POLL, 0, 0, 0, CANCEL, -ECANCELED, true, -ECANCELED, DUET_UNTOUCHED, CANCEL },
	{ DUET_POLL, 0, 0, 0, LATE, -ECANCELED, true, -ETIMEDOUT, DUET_UNTOUCHED, LATE },
	{ DUET_RECV, 0, 10, 0, ITSELF, 4, true, 4, DUET_COMPLETED, ITSELF },
	{ DUET_RECV, 0, 10, 0, CANCEL, 4, true, 4, DUET_COMPLETED, ITSELF },
	{ DUET_RECV, 0, 10, 0, LATE, 4, true, 4, DUET_COMPLETED, ITSELF },
	{ DUET_RECV, 0, 10, 0, ITSELF, 0, true, 0, DUET_COMPLETED, ITSELF },
	{ DUET_RECV, 0, 10, 0, CANCEL, -ECONNRESET, true, -ECONNRESET, DUET_FAILED, ITSELF },
	{ DUET_RECV, DUET_WHOLE, 10, 0, CANCEL, 4, true, 4, DUET_PARTIAL, CANCEL },
	{ DUET_RECV, DUET_WHOLE, 10, 4, CANCEL, -ECANCELED, true, 4, DUET_PARTIAL, CANCEL },
	{ DUET_RECV, DUET_WHOLE, 10, 4, LATE, -ECANCELED, true, 4, DUET_PARTIAL, LATE },
	{ DUET_RECV, DUET_WHOLE, 10, 4, ITSELF, 0, true, 4, DUET_PARTIAL, ITSELF },
	{ DUET_RECV, DUET_WHOLE, 10, 4, CANCEL, 6, true, 10, DUET_COMPLETED, ITSELF },
	{ DUET_RECV, DUET_WHOLE, 10, 4, ITSELF, -ECONNRESET, true, -ECONNRESET, DUET_PARTIAL,
		ITSELF },
	{ DUET_SEND, 0, 10, 0, ITSELF, 4, true, 4, DUET_PARTIAL, ITSELF },
	{ DUET_SEND, 0, 10, 0, CANCEL, 10, true, 10, DUET_COMPLETED, ITSELF },
	{ DUET_SEND, 0, 10, 0, CANCEL, 4, true, 4, DUET_PARTIAL, CANCEL },
	{ DUET_SEND, 0, 10, 0, CANCEL, -ECANCELED, true, -ECANCELED, DUET_UNTOUCHED, CANCEL },
	{ DUET_SEND_ZERO_COPY, 0, 10, 0, CANCEL, 4, true, 4, DUET_PARTIAL, CANCEL },
	{ DUET_SEND, DUET_WHOLE, 10, 6, CANCEL, -ECANCELED, true, 6, DUET_PARTIAL, CANCEL },
	{ DUET_CONNECT, 0, 0, 0, CANCEL, -ECANCELED, true, -ECANCELED, DUET_TAINTED, CANCEL },
	{ DUET_CONNECT, 0, 0, 0, CANCEL, -ECANCELED, false, -ECANCELED, DUET_UNTOUCHED, CANCEL },
	{ DUET_CONNECT, 0, 0, 0, CANCEL, 0, true, 0, DUET_COMPLETED, ITSELF },
	{ DUET_CONNECT, 0, 0, 0, ITSELF, -ECONNREFUSED, true, -ECONNREFUSED, DUET_FAILED, ITSELF },
	{ DUET_READ, 0, 10, 0, CANCEL, 10, true, 10, DUET_COMPLETED, ITSELF },
	{ DUET_READ, 0, 10, 0, CANCEL, 4, true, 4, DUET_COMPLETED, ITSELF },
	{ DUET_WRITE, 0, 10, 0, ITSELF, 4, true, 4, DUET_PARTIAL, ITSELF },
	{ DUET_ACCEPT, 0, 0, 0, CANCEL, 7, true, 0, DUET_COMPLETED, ITSELF },
	{ DUET_FSYNC, 0, 0, 0, CANCEL, 0, true, 0, DUET_COMPLETED, ITSELF },
	{ DUET_FSYNC, 0, 0, 0, CANCEL, -EIO, true, -EIO, DUET_FAILED, ITSELF },
};

static void settle(const struct row *row, struct duet_op *op)
{
	static char memory[16];

	duet_op_init(op, NULL, NULL);
	op->kind = (uint8_t)row->kind;
	op->flags = (uint16_t)row->flags;
	op->request = (uint8_t)row->request;
	op->args.io.vectors[0] = (struct iovec){ memory, row->length };
	op->args.io.vector_count = 1;
	op->args.io.length_bytes = row->length;
	if (row->before)
		core_advance(op, row->before);
	core_settle(op, row->raw, row->issued);
}

START_TEST(an_outcome_is_taken_from_the_target_and_its_cause_from_the_earliest_request)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct duet_op op;

		settle(row, &op);
		ck_assert_msg(op.result == row->result && op.disposition == row->disposition &&
				      op.cause == row->cause,
			"row %u, %s, raw %d: result %d, %s, cause %s", i,
			duet_kind_name(row->kind), row->raw, op.result,
			duet_disposition_name(op.disposition), duet_cause_name(op.cause));
	}
}
END_TEST

START_TEST(advancing_steps_over_whole_pieces_and_into_one)
{
	char memory[60];
	struct iovec pieces[3] = { { memory, 10 }, { memory + 10, 20 }, { memory + 30, 30 } };
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_send_vector(&op, DUET_HANDLE_NONE, pieces, 3, DUET_WHOLE);
	op.transferred = 0;
	core_advance(&op, 5);
	ck_assert_ptr_eq(op.args.io.vectors[0].iov_base, memory + 5);
	ck_assert_uint_eq(op.args.io.vectors[0].iov_len, 5);
	ck_assert_uint_eq(op.args.io.vector_count, 3);
	core_advance(&op, 5);
	ck_assert_uint_eq(op.args.io.vector_count, 2);
	ck_assert_ptr_eq(op.args.io.vectors[0].iov_base, memory + 10);
	core_advance(&op, 25);
	ck_assert_uint_eq(op.args.io.vector_count, 1);
	ck_assert_ptr_eq(op.args.io.vectors[0].iov_base, memory + 35);
	ck_assert_uint_eq(op.args.io.vectors[0].iov_len, 25);
	ck_assert_uint_eq(core_remaining(&op), 25);
}
END_TEST

START_TEST(what_is_out_of_range_has_a_name_and_a_class)
{
	static const int beyond[] = { DUET_KIND_COUNT, 99, -1, INT32_MAX };

	for (unsigned i = 0; i < 4; i++) {
		ck_assert_str_eq(duet_kind_name((enum duet_kind)beyond[i]), "?");
		ck_assert_str_eq(duet_disposition_name((enum duet_disposition)beyond[i]), "?");
		ck_assert_str_eq(duet_cause_name((enum duet_cause)beyond[i]), "?");
		ck_assert_int_eq(duet_kind_cancel_class((enum duet_kind)beyond[i]),
			DUET_CANCEL_NOT);
	}
	ck_assert_str_eq(duet_error_name(-4095), "E?");
	ck_assert_int_eq(duet_kind_cancel_class(DUET_CONNECT), DUET_CANCEL_TAINTING);
}
END_TEST

int main(void)
{
	return plain_run("operation",
		CASES(only_the_moves_of_the_diagram_are_legal,
			an_illegal_move_stops_the_program_in_every_build,
			an_outcome_is_taken_from_the_target_and_its_cause_from_the_earliest_request,
			advancing_steps_over_whole_pieces_and_into_one,
			what_is_out_of_range_has_a_name_and_a_class));
}
