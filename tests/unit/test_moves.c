/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/moves.h"
#include "tests/support/harness.h"

/* The moves of a loop are noted at its end, where they are counted; and nothing anywhere else. */

static void loop_with_a_nop(void)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;

	duet_loop_options_init(&options);
	ck_assert_int_eq(duet_loop_create(&loop, duet_reference(), &options), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_nop(&op);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	while (duet_loop_pending(loop))
		duet_loop_turn(loop, 1000000);
	duet_loop_turn(loop, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

static size_t lines_of(const char *path, char *first, int size)
{
	FILE *file = fopen(path, "r");
	size_t count = 0;
	char line[1024];

	*first = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (!count++)
			snprintf(first, (size_t)size, "%s", line);
	}
	if (file)
		fclose(file);
	return count;
}

START_TEST(a_process_notes_each_move_once)
{
	char path[64], first[1024];
#ifdef DUET_MOVES
	size_t wanted = 1;
#else
	size_t wanted = 0;
#endif

	snprintf(path, sizeof(path), "/tmp/duet-moves-%d", (int)getpid());
	setenv("DUET_TEST_MOVES", path, 1);
	loop_with_a_nop();
	loop_with_a_nop();
	ck_assert_uint_eq(lines_of(path, first, sizeof(first)), wanted);
	unlink(path);
	if (wanted)
		ck_assert_msg(strncmp(first, "moves reference o", 17) == 0, "%s", first);
}
END_TEST

START_TEST(nobody_is_told_where_no_file_is_named)
{
	unsetenv("DUET_TEST_MOVES");
	loop_with_a_nop();
	setenv("DUET_TEST_MOVES", "", 1);
	loop_with_a_nop();
}
END_TEST

int main(void)
{
	return plain_run("moves", CASES(a_process_notes_each_move_once,
		nobody_is_told_where_no_file_is_named));
}
