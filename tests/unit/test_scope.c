/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/scope.h"
#include "tests/support/harness.h"

/* The table of a scope's states, and its setter. What scopes do is the contract's. */

/* For each state, the states that the diagrams of duet/scope.h and core/scope.h let follow. */
static const char *const legal[SCOPE_STATE_COUNT] = {
	[SCOPE_IDLE] = "open",
	[SCOPE_OPEN] = "asked joining",
	[SCOPE_ASKED] = "leaving",
	[SCOPE_JOINING] = "leaving cleaning",
	[SCOPE_LEAVING] = "cleaning",
	[SCOPE_CLEANING] = "overdue ended",
	[SCOPE_OVERDUE] = "ended",
	[SCOPE_ENDED] = "idle",
};

START_TEST(only_the_moves_of_the_diagram_are_legal)
{
	for (unsigned from = 0; from < SCOPE_STATE_COUNT; from++) {
		for (unsigned to = 0; to < SCOPE_STATE_COUNT; to++) {
			const char *name = core_scope_state_name((enum core_scope_state)to);

			ck_assert_msg((strstr(legal[from], name) != NULL) ==
					      core_scope_may(from, to),
				"%s -> %s", core_scope_state_name((enum core_scope_state)from), name);
		}
	}
}
END_TEST

/* As a stray write would. */
static void overwrite(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	scope->state = SCOPE_ENDED;
}

static void join_overwritten(void)
{
	struct duet_cleanup cleanup = { .run = overwrite };
	struct duet_loop_options options;
	struct duet_scope scope;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	if (duet_loop_create(&loop, duet_reference(), &options) ||
	    duet_scope_open(&scope, loop, NULL, NULL) || duet_scope_defer(&scope, &cleanup) ||
	    duet_scope_join(&scope, NULL))
		_exit(1);
	for (unsigned i = 0; i < 10; i++)
		duet_loop_turn(loop, 0);
}

START_TEST(an_illegal_move_stops_the_program_in_every_build)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		close(2);
		join_overwritten();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

int main(void)
{
	return plain_run("scope", CASES(only_the_moves_of_the_diagram_are_legal,
		an_illegal_move_stops_the_program_in_every_build));
}
