/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The loads http and kv against servers that answer what they shouldn't, and what duet compare leaves
 * behind that has made a folder for one of them. */
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/fault/listener.h"
#include "tests/fault/program.h"

/* What is answered to a request, whatever it is: well for so many times, and then otherwise. */
enum { WELL = 5 };

struct server {
	const char *good, *bad; /* bad: NULL, the connection ends */
	int listener;
	unsigned int port, asked;
};

static bool is_whole(const char *data, size_t length)
{
	return length > 4 && (!memcmp(data + length - 4, "\r\n\r\n", 4) || data[0] == '*');
}

static void serve_one(struct server *server, int fd)
{
	char data[4096];
	size_t length = 0;
	ssize_t got;

	while ((got = recv(fd, data + length, sizeof(data) - length, 0)) > 0) {
		const char *text;

		length += (size_t)got;
		if (!is_whole(data, length))
			continue;
		length = 0;
		text = server->asked++ < WELL ? server->good : server->bad;
		if (!text)
			break;
		send(fd, text, strlen(text), MSG_NOSIGNAL);
	}
	close(fd);
}

/* Until the listener is shut down. */
static void *serve(void *context)
{
	struct server *server = context;
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0)
		serve_one(server, fd);
	return NULL;
}

static struct program *play_against(const char *load, const char *good, const char *bad)
{
	struct program *program = calloc(1, sizeof(*program));
	struct server server = { .good = good, .bad = bad };
	pthread_t thread;

	server.listener = listener_open(&server.port);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &server), 0);
	program_begin(program, NULL, "load %s 127.0.0.1:%u --connections 1 --warmup 0.01 "
		      "--duration 0.05", load, server.port);
	program_end(program);
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(server.listener);
	return program;
}

#define HEAD "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 04:00:00 GMT\r\nContent-Length: 5\r\n\r\n"
#define LATER "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 04:00:01 GMT\r\nContent-Length: 5\r\n\r\n"

static const struct {
	const char *load, *good, *bad;
	int code;
	const char *word;
} FAULTS[] = {
	{ "http", HEAD "hello", HEAD "hallo", 4, "came back wrong" },
	{ "http", HEAD "hello", HEAD "hell", 4, "never came back" },
	{ "http", HEAD "hello", HEAD "hello!", 4, "came back wrong" },
	{ "http", HEAD "hello", NULL, 4, "never came back" },
	{ "http --path /x", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", NULL, 3,
	  "GET /x: the answer is not 200 OK" },
	{ "http", "HTTP/1.1 200 OK\r\n\r\nhello", NULL, 3, "which says its length" },
	{ "http", "+OK\r\n\r\n", NULL, 3, "no answer of HTTP/1.1" },
	{ "http", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", NULL, 3, "more than 1 MiB" },
	{ "http --size 5", HEAD "hello", HEAD "hello", 3, "another file" },
	{ "kv --size 5", "+OK\r\n$5\r\nhello\r\n", "", 4, "came back wrong" },
	{ "kv --size 5", "-ERR unknown command\r\n", "", 4, "came back wrong" },
};

START_TEST(what_is_answered_otherwise_voids_the_figures)
{
	struct program *program = play_against(FAULTS[_i].load, FAULTS[_i].good, FAULTS[_i].bad);

	program_expect(program, FAULTS[_i].code, FAULTS[_i].word);
	free(program);
}
END_TEST

START_TEST(another_time_of_day_is_no_other_answer)
{
	struct program *program = play_against("http", HEAD "hello", LATER "hello");

	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "messages in"));
	free(program);
}
END_TEST

/* ---- The folder that is served. ---- */

static char folder[128];

static void use_folder(void)
{
	setenv("TMPDIR", folder, 1);
}

static unsigned int entries(void)
{
	DIR *open = opendir(folder);
	unsigned int count = 0;

	ck_assert_ptr_nonnull(open);
	for (const struct dirent *entry = readdir(open); entry; entry = readdir(open))
		count += entry->d_name[0] != '.';
	closedir(open);
	return count;
}

static void make_folder(void)
{
	const char *where = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/duet-services-XXXXXX", where ? where : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	rmdir(folder);
}

START_TEST(nothing_is_left_of_the_folder_that_was_served)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, use_folder, "compare http --rounds 1 --repeats 0 --duration 0.02 "
		      "--warmup 0.01 --connections 2 --no-kernel-view");
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	ck_assert_uint_eq(entries(), 0);
	free(program);
}
END_TEST

START_TEST(nothing_is_left_of_it_after_an_interrupt)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, use_folder, "compare http --rounds 99 --connections 2");
	program_await_children(program, 2);
	ck_assert_uint_eq(entries(), 1);
	ck_assert_int_eq(kill(program->pid, SIGINT), 0);
	program_end(program);
	ck_assert_msg(program->code == 0 || program->code == 3, "%s", program->complained);
	ck_assert_uint_eq(entries(), 0);
	free(program);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_told)
{
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(rmdir(folder), 0);
	program_begin(program, use_folder, "compare http --rounds 1");
	program_end(program);
	program_expect(program, 3, "can't make a folder");
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program_services");
	TCase *loads = tcase_create("loads"), *folders = tcase_create("folders");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(loads, 60);
	tcase_set_timeout(folders, 60);
	tcase_add_checked_fixture(folders, make_folder, remove_folder);
	tcase_add_loop_test(loads, what_is_answered_otherwise_voids_the_figures, 0,
			    sizeof(FAULTS) / sizeof(*FAULTS));
	tcase_add_test(loads, another_time_of_day_is_no_other_answer);
	tcase_add_test(folders, nothing_is_left_of_the_folder_that_was_served);
	tcase_add_test(folders, nothing_is_left_of_it_after_an_interrupt);
	tcase_add_test(folders, a_folder_that_cannot_be_made_is_told);
	suite_add_tcase(suite, loads);
	suite_add_tcase(suite, folders);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
