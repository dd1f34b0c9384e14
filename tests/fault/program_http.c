/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve http` against clients of every kind: what each request is answered, what leads out of the
 * folder, files that change while they are sent, clients that vanish, that are slow, or take nothing. */
#include <sys/stat.h>

#include "tests/fault/served.h"

enum { BIG = 6000000, ANSWER_MAX = 1 << 23 };

static char root[128], answer[ANSWER_MAX], *big;

/* ---- The folder. ---- */

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *data, size_t bytes)
{
	FILE *file = fopen(path_of(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
	fclose(file);
}

static void set_up(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/duet-http-XXXXXX", folder ? folder : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	big = malloc(BIG);
	for (uint32_t i = 0; i < BIG / 4; i++)
		memcpy(big + 4 * i, &i, 4);
	ck_assert_int_eq(mkdir(path_of("sub"), 0700), 0);
	ck_assert_int_eq(mkdir(path_of("sub/deep er"), 0700), 0);
	put("index.html", "<p>root", 7);
	put("sub/index.html", "<p>sub", 6);
	put("sub/deep er/a%b.txt", "deep", 4);
	put("empty", "", 0);
	put("big", big, BIG);
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	ck_assert_int_eq(symlink("empty", path_of("link")), 0);
	ck_assert_int_eq(symlink("sub", path_of("way")), 0);
}

static void tear_down(void)
{
	static const char *const FILES[] = { "index.html", "sub/index.html", "sub/deep er/a%b.txt",
					     "empty", "big", "fifo", "link", "way", "changing" };

	for (size_t i = 0; i < sizeof(FILES) / sizeof(*FILES); i++)
		unlink(path_of(FILES[i]));
	rmdir(path_of("sub/deep er"));
	rmdir(path_of("sub"));
	rmdir(root);
	free(big);
}

/* ---- Asking. ---- */

static void begin(struct program *program, int server, const char *options)
{
	char words[512];

	snprintf(words, sizeof(words), "--root %s %s %s", root, SERVERS[server], options);
	served_begin(program, "http", words);
}

/* On a connection of its own; what is answered ends with a zero. Returns how long it is. */
static size_t ask(const struct program *program, const char *text)
{
	int fd = served_connect(program);

	served_send(fd, text);
	return served_read(fd, answer, sizeof(answer));
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(answer, part) != NULL, "not '%s' but: %.400s", part, answer);
}

static const char *body_of(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	ck_assert_msg(end != NULL, "no head: %.300s", text);
	return end + 4;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
#define ASKED "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n"
static const char ONCE[] = GET("/sub/deep%20er/a%25b.txt") "\r\n";

static const struct {
	const char *request, *status, *part;
} CASES[] = {
	{ GET("/") "\r\n", "200 OK", "Content-Type: text/html; charset=utf-8\r\nContent-Length: 7\r\n" },
	{ GET("/index.html") "\r\n", "200 OK", "\r\n\r\n<p>root" },
	{ GET("/?a=/../b") "\r\n", "200 OK", "<p>root" },
	{ "GET http://y/sub/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK", "<p>sub" },
	{ "GET /sub/ HTTP/1.0\r\n\r\n", "200 OK", "Connection: close\r\n\r\n<p>sub" },
	{ GET("/sub") "\r\n", "301 Moved Permanently", "Location: /sub/\r\n" },
	{ GET("//sub") "\r\n", "301 Moved Permanently", "Location: /sub/\r\n" },
	{ GET("/sub/deep%20er") "\r\n", "301 Moved Permanently", "Location: /sub/deep%20er/\r\n" },
	{ GET("/sub/deep%20er/") "\r\n", "403 Forbidden", "403" },
	{ GET("/sub/deep%20er/a%25b.txt") "\r\n", "200 OK", "\r\n\r\ndeep" },
	{ GET("/sub/./deep%20er/../index.html") "\r\n", "200 OK", "<p>sub" },
	{ GET("/sub/..") "\r\n", "200 OK", "<p>root" },
	{ GET("/empty") "\r\n", "200 OK", "Content-Length: 0\r\n" },
	{ GET("/empty/") "\r\n", "404 Not Found", "404" },
	{ GET("/empty/x") "\r\n", "404 Not Found", "404" },
	{ GET("/none") "\r\n", "404 Not Found", "404" },
	{ GET("/sub%2findex.html") "\r\n", "404 Not Found", "404" },
	{ GET("/link") "\r\n", "404 Not Found", "404" },
	{ GET("/way/index.html") "\r\n", "404 Not Found", "404" },
	{ GET("/fifo") "\r\n", "403 Forbidden", "403" },
	{ GET("/..") "\r\n", "403 Forbidden", "403" },
	{ GET("/sub/../../etc/passwd") "\r\n", "403 Forbidden", "403" },
	{ GET("/%2e%2e/%2E%2e/etc/passwd") "\r\n", "403 Forbidden", "403" },
	{ GET("/empty%00.html") "\r\n", "400 Bad Request", "400" },
	{ GET("/%") "\r\n", "400 Bad Request", "400" },
	{ GET("/%4") "\r\n", "400 Bad Request", "400" },
	{ GET("/%4x") "\r\n", "400 Bad Request", "400" },
	{ "GET /empty HTTP/1.1\r\n\r\n", "400 Bad Request", "Connection: close" },
	{ "GET /empty HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400 Bad Request", "" },
	{ "GET /empty HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "400 Bad Request", "" },
	{ "GET /empty HTTP/1.1\r\nHost : x\r\n\r\n", "400 Bad Request", "" },
	{ "GET /empty FTP/1.1\r\n\r\n", "400 Bad Request", "" },
	{ "\x16\x03\x01\x02", "400 Bad Request", "" },
	{ "get /empty HTTP/1.1\r\n\r\n", "400 Bad Request", "" },
	{ "BREW /pot HTTP/1.1\r\n\r\n", "501 Not Implemented", "" },
	{ "GET /empty HTTP/2.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported", "" },
	{ "POST /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
	  "405 Method Not Allowed", "Allow: GET, HEAD" },
	{ "POST /empty HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
	  "405 Method Not Allowed", "Connection: close" },
	{ GET("/empty") "Expect: 100-continue\r\n\r\n", "417 Expectation Failed", "" },
	{ GET("/sub/") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nHost: y\r\n\r\n", "200 OK",
	  "<p>sub" },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", "413 Content Too Large", "" },
	{ GET("/big") "Range: bytes=4-7\r\n\r\n", "206 Partial Content",
	  "Content-Range: bytes 4-7/6000000\r\n" },
	{ GET("/index.html") "Range: bytes=-4\r\n\r\n", "206 Partial Content", "\r\n\r\nroot" },
	{ GET("/index.html") "Range: bytes=3-\r\n\r\n", "206 Partial Content", "\r\n\r\nroot" },
	{ GET("/index.html") "Range: bytes=7-\r\n\r\n", "416 Range Not Satisfiable",
	  "Content-Range: bytes */7\r\n" },
	{ GET("/index.html") "Range: bytes=5-3\r\n\r\n", "200 OK", "<p>root" },
	{ GET("/index.html") "Range: bytes=0-1,3-4\r\n\r\n", "200 OK", "<p>root" },
	{ GET("/index.html") "Range: bytes=3-\r\nIf-Range: \"no\"\r\n\r\n", "200 OK", "<p>root" },
	{ GET("/index.html") "If-None-Match: *\r\n\r\n", "304 Not Modified", "ETag: " },
	{ GET("/index.html") "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", "200 OK", "" },
	{ GET("/index.html") "If-Modified-Since: yesterday\r\n\r\n", "200 OK", "" },
	{ GET("/index.html") "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n",
	  "304 Not Modified", "" },
};

START_TEST(each_request_has_its_answer)
{
	struct program *program = calloc(1, sizeof(*program));
	char status[64];

	begin(program, _i, "");
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		ask(program, CASES[i].request);
		snprintf(status, sizeof(status), "HTTP/1.1 %s\r\n", CASES[i].status);
		ck_assert_msg(!strncmp(answer, status, strlen(status)), "%s: %.300s",
			      CASES[i].request, answer);
		expect(CASES[i].part);
		ck_assert_ptr_null(strstr(answer, "root:")); /* of no /etc/passwd */
	}
	served_end(program);
	ck_assert_int_eq(served_counted(program, "requests"), sizeof(CASES) / sizeof(*CASES));
	ck_assert_int_eq(served_counted(program, "answered") + served_counted(program, "refused"),
			 sizeof(CASES) / sizeof(*CASES));
	free(program);
}
END_TEST

START_TEST(what_is_too_long_is_refused)
{
	static const struct { const char *head, *status; } LONG[] = {
		{ "GET /", "HTTP/1.1 414 " },
		{ "GET / HTTP/1.1\r\nX: ", "HTTP/1.1 431 " },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", "HTTP/1.1 413 " },
	};
	struct program *program = calloc(1, sizeof(*program));
	char *much = malloc(200001), *path = malloc(4096);

	memset(much, 'x', 200000);
	much[200000] = 0;
	begin(program, _i, "");
	for (size_t i = 0; i < sizeof(LONG) / sizeof(*LONG); i++) {
		int fd = served_connect(program);

		served_send(fd, LONG[i].head);
		served_send(fd, much);
		served_read(fd, answer, sizeof(answer));
		expect(LONG[i].status);
	}
	snprintf(path, 4096, "GET /%.300s HTTP/1.0\r\n\r\n", much);
	ask(program, path);
	expect("HTTP/1.1 404 ");
	for (int i = 0; i < 1000; i++) /* a hundred folders deep */
		memcpy(path + 4 + 2 * i, "/x", 2);
	strcpy(path + 2004, " HTTP/1.0\r\n\r\n");
	ask(program, path);
	expect("HTTP/1.1 404 ");
	served_end(program);
	free(path);
	free(much);
	free(program);
}
END_TEST

START_TEST(a_file_comes_whole_by_parts_and_is_known_again)
{
	struct program *program = calloc(1, sizeof(*program));
	char text[512], tag[64];
	size_t length;

	begin(program, _i, "");
	length = ask(program, GET("/big") "\r\n");
	ck_assert_int_eq(answer + length - body_of(answer), BIG);
	ck_assert_int_eq(memcmp(body_of(answer), big, BIG), 0);
	ck_assert_int_eq(sscanf(strstr(answer, "ETag: "), "ETag: %63[^\r]", tag), 1);
	snprintf(text, sizeof(text), GET("/big") "If-None-Match: \"a\", W/%s\r\n\r\n", tag);
	ask(program, text);
	expect("HTTP/1.1 304 ");
	ck_assert_str_eq(body_of(answer), "");
	snprintf(text, sizeof(text), GET("/big") "Range: bytes=16383-4000000\r\nIf-Range: %s\r\n\r\n",
		 tag);
	length = ask(program, text);
	expect("Content-Length: 3983618\r\n");
	ck_assert_int_eq(answer + length - body_of(answer), 3983618);
	ck_assert_int_eq(memcmp(body_of(answer), big + 16383, 3983618), 0);
	length = ask(program, "HEAD /big HTTP/1.0\r\nRange: bytes=0-0\r\n\r\n");
	expect("HTTP/1.1 200 OK");
	expect("Content-Length: 6000000\r\n");
	ck_assert_str_eq(body_of(answer), "");
	ask(program, "HEAD /none HTTP/1.0\r\n\r\n");
	expect("HTTP/1.1 404 ");
	ck_assert_str_eq(body_of(answer), "");
	served_end(program);
	free(program);
}
END_TEST

static size_t count_of(const char *part)
{
	size_t count = 0;

	for (const char *at = answer; (at = strstr(at, part)); at++)
		count++;
	return count;
}

START_TEST(many_at_once_and_in_pieces_are_answered_one_after_the_other)
{
	enum { MANY = 300 };
	struct program *program = calloc(1, sizeof(*program));
	char *many = malloc(MANY * sizeof(ASKED) + sizeof(ONCE));
	int fd;

	begin(program, _i, "");
	*many = 0;
	for (int i = 0; i < MANY; i++)
		strcat(many, ASKED);
	ask(program, strcat(many, ONCE));
	ck_assert_uint_eq(count_of("HTTP/1.1 200 OK"), MANY + 1);
	ck_assert_uint_eq(count_of("Connection: keep-alive"), MANY);
	ck_assert_str_eq(answer + strlen(answer) - 4, "deep");
	fd = served_connect(program);
	for (const char *at = ONCE; *at; at++)
		ck_assert_int_eq(send(fd, at, 1, MSG_NOSIGNAL), 1);
	served_read(fd, answer, sizeof(answer));
	expect("\r\n\r\ndeep");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "connections"), 2);
	free(many);
	free(program);
}
END_TEST

START_TEST(a_client_that_vanishes_at_any_byte_leaves_nothing)
{
	static const char TALK[] = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
				   "POST /sub/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
				   "GET /sub/deep%20er/a%25b.txt HTTP/1.1\r\nHost: x\r\n\r\n";
	struct program *program = calloc(1, sizeof(*program));
	int fd, files;

	begin(program, _i, "");
	files = served_files(program);
	ask(program, ONCE);
	for (size_t cut = 0; cut < 2 * sizeof(TALK); cut++) {
		fd = served_connect(program);
		ck_assert_int_eq(send(fd, TALK, cut / 2, MSG_NOSIGNAL), (ssize_t)cut / 2);
		served_vanish(fd, cut % 2);
	}
	served_await_files(program, files);
	ask(program, ONCE);
	expect("\r\n\r\ndeep");
	served_end(program);
	free(program);
}
END_TEST

/* The kernel's buffers are smaller than what is asked for: the server waits with the rest of it, and
 * another is served meanwhile. */
START_TEST(a_client_that_does_not_read_is_waited_for)
{
	enum { TIMES = 4 };
	struct program *program = calloc(1, sizeof(*program));
	int deaf;

	begin(program, _i, "");
	deaf = served_connect(program);
	for (int i = 0; i < TIMES; i++)
		served_send(deaf, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(recv(deaf, answer, 9, MSG_WAITALL | MSG_PEEK), 9);
	ask(program, ONCE);
	expect("\r\n\r\ndeep");
	for (int i = 0; i < TIMES; i++) {
		size_t got = 0, head;

		do {
			ck_assert_int_eq(recv(deaf, answer + got, 1, 0), 1);
			answer[++got] = 0;
		} while (got < 4 || strcmp(answer + got - 4, "\r\n\r\n") != 0);
		head = got;
		ck_assert_int_eq(recv(deaf, answer + head, BIG, MSG_WAITALL), BIG);
		ck_assert_int_eq(memcmp(answer + head, big, BIG), 0);
	}
	close(deaf);
	served_end(program);
	free(program);
}
END_TEST

/* Its beginning has come, and the rest waits for us. */
static int ask_for_changing(const struct program *program)
{
	int fd = served_connect(program);

	put("changing", big, BIG);
	for (int i = 0; i < 4; i++)
		served_send(fd, "GET /changing HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(recv(fd, answer, 9, MSG_WAITALL | MSG_PEEK), 9);
	return fd;
}

START_TEST(a_file_that_is_replaced_or_shortened_while_it_is_sent)
{
	struct program *program = calloc(1, sizeof(*program));
	size_t length = 0;
	ssize_t got;
	int fd;

	begin(program, _i, "");
	fd = ask_for_changing(program);
	unlink(path_of("changing"));
	put("changing", "new", 3);
	shutdown(fd, SHUT_WR);
	while ((got = recv(fd, answer + length, BIG, 0)) > 0 && length < BIG / 8)
		length += (size_t)got;
	ck_assert_int_eq(memcmp(body_of(answer), big, BIG / 16), 0); /* of the one that it began with */
	close(fd);
	fd = ask_for_changing(program);
	ck_assert_int_eq(truncate(path_of("changing"), 100), 0);
	for (length = 0; (got = recv(fd, answer, BIG, 0)) > 0;)
		length += (size_t)got;
	ck_assert_uint_lt(length, 4 * (size_t)BIG); /* the connection ended in place of what is gone */
	close(fd);
	ask(program, ONCE);
	expect("\r\n\r\ndeep");
	served_end(program);
	ck_assert_int_ge(served_counted(program, "cut"), 1);
	free(program);
}
END_TEST

START_TEST(who_is_slow_is_told_and_who_says_nothing_is_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int slow, silent, kept;

	begin(program, _i, "--idle 0.2 --patience 0.2");
	slow = served_connect(program);
	silent = served_connect(program);
	kept = served_connect(program);
	served_send(slow, "GET / HTTP/1.1\r\nHost:");
	served_send(kept, ASKED);
	served_read(slow, answer, sizeof(answer));
	expect("HTTP/1.1 408 Request Timeout\r\n");
	served_read(silent, answer, sizeof(answer));
	ck_assert_str_eq(answer, "");
	served_read(kept, answer, sizeof(answer));
	expect("Connection: keep-alive\r\n");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 3);
	free(program);
}
END_TEST

/* Bytes that come one after the other, each of them in time, make no request that is in time. */
START_TEST(a_request_that_trickles_in_is_late_as_well)
{
	enum { MOST = 3000 };
	struct program *program = calloc(1, sizeof(*program));
	int fd;

	begin(program, _i, "--patience 0.2");
	fd = served_connect(program);
	ck_assert_int_lt(served_drip(fd, "GET / HTTP/1.1\r\nHost: ", MOST), MOST);
	served_read(fd, answer, sizeof(answer));
	expect("HTTP/1.1 408 Request Timeout\r\n");
	fd = served_connect(program);
	ck_assert_int_lt(served_drip(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n",
				     MOST), MOST);
	served_read(fd, answer, sizeof(answer));
	expect("HTTP/1.1 408 Request Timeout\r\n");
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 2);
	free(program);
}
END_TEST

START_TEST(who_takes_nothing_is_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, files;

	begin(program, _i, "--patience 0.1");
	files = served_files(program);
	fd = served_connect(program);
	for (int i = 0; i < 4; i++)
		served_send(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(recv(fd, answer, 9, MSG_WAITALL), 9);
	served_await_files(program, files);
	close(fd);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "lost"), 1);
	free(program);
}
END_TEST

START_TEST(it_ends_with_clients_in_every_state)
{
	enum { MANY = 30 };
	struct program *program = calloc(1, sizeof(*program));
	int peers[MANY];

	begin(program, _i, "");
	for (int i = 0; i < MANY; i++)
		peers[i] = served_connect(program);
	/* Some have said nothing, some half of it; some are answered, or their files being opened. */
	for (int i = 0; i < MANY; i++) {
		if (i % 5 == 1)
			served_send(peers[i], "GET / HTTP/1.1\r\nHo");
		else if (i % 5 == 2)
			served_send(peers[i], "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
		else if (i % 5 > 2)
			served_send(peers[i], ONCE);
	}
	served_end(program);
	for (int i = 0; i < MANY; i++)
		close(peers[i]);
	free(program);
}
END_TEST

START_TEST(more_clients_than_places_wait_for_their_turn)
{
	enum { MANY = 20 };
	struct program *program = calloc(1, sizeof(*program));
	int peers[MANY];

	begin(program, _i, "--connections 2");
	for (int i = 0; i < MANY; i++) {
		peers[i] = served_connect(program);
		served_send(peers[i], ONCE);
	}
	for (int i = 0; i < MANY; i++) {
		served_read(peers[i], answer, sizeof(answer));
		expect("\r\n\r\ndeep");
	}
	served_end(program);
	ck_assert_int_le(served_counted(program, "peak"), 2);
	free(program);
}
END_TEST

START_TEST(a_server_out_of_descriptors_serves_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int peers[40];

	program_begin(program, served_few_files, "serve http --root %s %s", root, SERVERS[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	served_send(peers[0], "GET / HTTP/1.0\r\n\r\n"); /* it has none for the file, either */
	served_read(peers[0], answer, sizeof(answer));
	expect("HTTP/1.1 503 Service Unavailable\r\n");
	for (int i = 1; i < 40; i++)
		close(peers[i]);
	do
		ask(program, ONCE); /* as soon as they have left */
	while (!strncmp(answer, "HTTP/1.1 503", 12));
	expect("\r\n\r\ndeep");
	kill(program->pid, SIGINT);
	program_end(program);
	program_expect(program, 0, "ulimit -n");
	free(program);
}
END_TEST

START_TEST(the_log_has_a_line_a_request)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, 2, "--log");
	ask(program, GET("/sub/") "\r\n");
	ask(program, "HEAD /a\xc2\x9b HTTP/1.0\r\n\r\n");
	ask(program, "\r\n\r\nBREW /pot HTTP/1.1\r\n\r\n");
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_msg(!strncmp(program->complained, "GET /sub/ 200 ", 14), "%s", program->complained);
	ck_assert_ptr_nonnull(strstr(program->complained, "\n- - 501 "));
	for (const char *at = program->complained; *at; at++)
		ck_assert_msg(*at == '\n' || (*at >= ' ' && *at != 0x7f) || *at & 0x40, "%d", *at);
	free(program);
}
END_TEST

static void be_nobody(void)
{
	if (!getuid() && setresuid(65534, 65534, 65534))
		_exit(125);
}

/* Before anybody asks for a file of it. */
START_TEST(a_folder_that_may_not_be_searched_is_refused)
{
	struct program *program = calloc(1, sizeof(*program));
	char closed[160];

	snprintf(closed, sizeof(closed), "%s/closed", root);
	ck_assert_int_eq(chmod(root, 0755), 0);
	ck_assert_int_eq(mkdir(closed, 0), 0);
	program_begin(program, be_nobody, "serve http --root %s %s", closed, SERVERS[_i]);
	program_end(program);
	program_expect(program, 2, "Permission denied; give a folder that user ");
	ck_assert_int_eq(rmdir(closed), 0);
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct program_wrong WRONG[] = {
		{ "serve http --root /nosuchfolder", "/nosuchfolder", 2 },
		{ "serve http --root /dev/null", "give a folder", 2 },
		{ "serve http /tmp", "the folder is --root", 2 },
		{ "serve http --backend floor-epoll", "serve echo alone", 2 },
		{ "serve http --idle 0", "--idle", 2 },
		{ "serve http --json /nosuchfolder/x", "/nosuchfolder", 2 },
	};

	program_expect_refusals(WRONG, sizeof(WRONG) / sizeof(*WRONG));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program http");
	TCase *cases = tcase_create("http");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_unchecked_fixture(cases, set_up, tear_down);
	tcase_add_loop_test(cases, each_request_has_its_answer, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_folder_that_may_not_be_searched_is_refused, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, what_is_too_long_is_refused, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_file_comes_whole_by_parts_and_is_known_again, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, many_at_once_and_in_pieces_are_answered_one_after_the_other, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_client_that_vanishes_at_any_byte_leaves_nothing, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_client_that_does_not_read_is_waited_for, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_file_that_is_replaced_or_shortened_while_it_is_sent, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, who_is_slow_is_told_and_who_says_nothing_is_hung_up_on, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_request_that_trickles_in_is_late_as_well, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, who_takes_nothing_is_hung_up_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, it_ends_with_clients_in_every_state, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, more_clients_than_places_wait_for_their_turn, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_server_out_of_descriptors_serves_on, 0, SERVER_COUNT);
	tcase_add_test(cases, the_log_has_a_line_a_request);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
