/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <duet/polling.h>
#include <duet/reference.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/*
 * The guard of debug builds: a small program for each rule, which breaks it and must be stopped at that
 * line, with a message that names the operation and the rule. This program starts itself for each, on
 * each backend: as it is (with or without AddressSanitizer), and once more under Valgrind, if it is
 * neither built with a sanitizer nor as released.
 */

#if defined(__SANITIZE_ADDRESS__)
#define MEANS MEANS_ASAN
#elif defined(DUET_DEBUG)
#define MEANS MEANS_DEBUG
#else
#define MEANS 0
#endif

/* By what a rule is watched over. */
enum { MEANS_DEBUG = 1, MEANS_ASAN = 2, MEANS_VALGRIND = 4 };

static struct duet_loop *loop;
static duet_handle near, far;
static unsigned char *buffer;
static struct duet_op *op, *other;
static struct duet_pool *pool;
static struct duet_buffer held;
static volatile unsigned sum;

enum { BUFFER_BYTES = 64, MUCH_BYTES = 1 << 20 };

/* ---- What most of them begin with. ---- */

static void must(int answer)
{
	if (answer < 0) {
		printf("can't begin: %s\n", duet_error_name(answer));
		exit(3);
	}
}

static void turn(unsigned turns)
{
	while (turns--)
		must(duet_loop_turn(loop, 0));
}

static void settle(const struct duet_op *awaited)
{
	while (duet_op_pending(awaited))
		must(duet_loop_turn(loop, 1000000));
}

/* What nobody hears of is nobody's. */
static void hear_end(struct duet_op *ended)
{
	(void)ended;
}

static void open_pair(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	duet_handle listener;
	struct duet_op set_up;

	duet_op_init(&set_up, hear_end, NULL);
	must(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 5, &listener));
	duet_op_socket(&set_up, AF_INET, SOCK_STREAM, 0);
	must(duet_op_start(loop, &set_up));
	settle(&set_up);
	near = set_up.made;
	duet_op_connect(&set_up, near, (struct sockaddr *)&address, sizeof(address));
	must(duet_op_start(loop, &set_up));
	settle(&set_up);
	duet_op_accept(&set_up, listener, 0);
	must(duet_op_start(loop, &set_up));
	settle(&set_up);
	far = set_up.made;
}

static void send_five(void)
{
	struct duet_op send;

	duet_op_init(&send, NULL, NULL);
	duet_op_send(&send, far, "hello", 5, DUET_WHOLE);
	must(duet_op_start(loop, &send));
	settle(&send);
}

static void lend(void)
{
	open_pair();
	buffer = malloc(BUFFER_BYTES);
	memset(buffer, 1, BUFFER_BYTES);
	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	duet_op_recv(op, near, buffer, BUFFER_BYTES, 0);
	must(duet_op_start(loop, op));
	turn(2);
}

static void lend_to_a_send(void)
{
	open_pair();
	buffer = malloc(MUCH_BYTES);
	memset(buffer, 1, MUCH_BYTES);
	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	/* Until nobody takes any more. */
	do {
		duet_op_send(op, near, buffer, MUCH_BYTES, DUET_WHOLE);
		must(duet_op_start(loop, op));
		turn(20);
	} while (!duet_op_pending(op));
}

static void hold(struct duet_op *ended)
{
	if (ended->transferred)
		held = ended->buffer;
}

static void receive_pooled(void)
{
	open_pair();
	must(duet_pool_create(loop, 4, BUFFER_BYTES, &pool));
	op = malloc(sizeof(*op));
	duet_op_init(op, hold, NULL);
	duet_op_recv_pooled(op, near, pool, 0);
	must(duet_op_start(loop, op));
	send_five();
	settle(op);
}

/* ---- The rules, each broken in the line that is marked. ---- */

static void write_to_what_is_lent(void)
{
	lend();
	buffer[3] = 7; /* here */
}

static void read_what_is_lent(void)
{
	lend();
	sum = buffer[3]; /* here */
}

static void change_what_is_sent(void)
{
	lend_to_a_send();
	buffer[MUCH_BYTES - 1] = 7; /* here, and it is found when the buffer comes back */
	duet_op_cancel(op);
	settle(op);
}

static void free_the_buffer(void)
{
	lend();
	duet_debug_check_free(buffer, MEANS == MEANS_ASAN ? 0 : BUFFER_BYTES);
	free(buffer); /* here */
}

static void free_what_is_sent(void)
{
	lend_to_a_send();
	duet_debug_check_free(buffer, MEANS == MEANS_ASAN ? 0 : MUCH_BYTES);
	free(buffer); /* here */
}

static void free_the_operation(void)
{
	lend();
	duet_debug_check_free(op, MEANS == MEANS_ASAN ? 0 : sizeof(*op));
	free(op); /* here */
}

static void read_behind_the_end(void)
{
	lend();
	send_five();
	settle(op);
	if (buffer[9] == 'x') /* here: five bytes have come */
		sum++;
}

static void read_behind_the_end_in_a_pool(void)
{
	receive_pooled();
	sum = held.data[20]; /* here */
}

static void read_what_is_returned(void)
{
	receive_pooled();
	duet_buffer_return(loop, &held);
	sum = held.data[0]; /* here */
}

static void start_twice(void)
{
	lend();
	duet_op_start(loop, op); /* here */
}

static void start_what_was_moved(void)
{
	lend();
	other = malloc(sizeof(*other));
	memcpy(other, op, sizeof(*op));
	duet_op_start(loop, other); /* here */
}

static void cancel_what_was_moved(void)
{
	lend();
	other = malloc(sizeof(*other));
	memcpy(other, op, sizeof(*op));
	duet_op_cancel(other); /* here */
}

static void make_anew(void)
{
	lend();
	duet_op_init(op, NULL, NULL); /* here */
}

static void overwrite(void)
{
	lend();
	memset(&op->handle, 0x55, sizeof(op->handle)); /* here, and it is found at the end */
	op->handle.slot = near.slot;
	send_five();
	settle(op);
}

static void *start_elsewhere(void *argument)
{
	duet_op_start(loop, argument);
	return NULL;
}

static void start_in_another_thread(void)
{
	pthread_t thread;

	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	duet_op_nop(op);
	if (pthread_create(&thread, NULL, start_elsewhere, op) == 0) /* here */
		pthread_join(thread, NULL);
}

/* Breaks none: nobody is stopped, by whatever means. */
static void keep_to_the_rules(void)
{
	lend();
	send_five();
	settle(op);
	for (unsigned i = 0; i < op->transferred; i++)
		sum += buffer[i] == 'h';
	memset(buffer, 2, BUFFER_BYTES);
	duet_op_send(op, near, buffer, BUFFER_BYTES, DUET_WHOLE);
	must(duet_op_start(loop, op));
	sum += buffer[7];
	settle(op);
	free(buffer);
	free(op);
}

/* Who breaks them on purpose says so. */
static void break_them_unguarded(void)
{
	lend();
	duet_debug_unguard(loop);
	buffer[3] = 7;
	duet_op_cancel(op);
	settle(op);
	free(op);
	free(buffer);
	receive_pooled();
	sum = held.data[20];
	duet_buffer_return(loop, &held);
	sum = held.data[0];
	free(op);
}

static const struct rule {
	const char *name;
	void (*play)(void);
	const char *words; /* of the message, beside the operation */
	unsigned means;
	bool by_tool; /* Memcheck's own words, which know no operation */
} rules[] = {
	{ "write", write_to_what_is_lent, "(R2", MEANS_ASAN, false },
	{ "read", read_what_is_lent, "(R2", MEANS_ASAN, false },
	{ "write-valgrind", write_to_what_is_lent, "(recv", MEANS_VALGRIND, false },
	{ "read-valgrind", read_what_is_lent, "(recv", MEANS_VALGRIND, false },
	{ "change", change_what_is_sent, "changed while lent (R2", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free", free_the_buffer, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free-sent", free_what_is_sent, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free-operation", free_the_operation, "was freed while lent", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "behind", read_behind_the_end, "uninitialised", MEANS_VALGRIND, true },
	{ "behind-pool", read_behind_the_end_in_a_pool, "behind what was received", MEANS_ASAN, true },
	{ "behind-pool-valgrind", read_behind_the_end_in_a_pool, "Invalid read", MEANS_VALGRIND, true },
	{ "returned", read_what_is_returned, "it was returned", MEANS_ASAN, true },
	{ "returned-valgrind", read_what_is_returned, "Invalid read", MEANS_VALGRIND, true },
	{ "start-twice", start_twice, "a second time", MEANS_DEBUG | MEANS_ASAN, false },
	{ "moved", start_what_was_moved, "moved while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "cancel-moved", cancel_what_was_moved, "moved while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "anew", make_anew, "made anew while lent (R2", MEANS_DEBUG | MEANS_ASAN, false },
	{ "overwrite", overwrite, "overwritten while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "thread", start_in_another_thread, "(R14", MEANS_DEBUG | MEANS_ASAN, true },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* ---- One of them, in a process of its own. ---- */

static const struct named {
	const char *name;
	const struct duet_backend *(*backend)(void);
	const char *tuning;
} twins[] = {
	{ "completion", duet_completion, NULL },
	{ "completion-plain", duet_completion, "mode=plain" },
	{ "polling", duet_polling, NULL },
	{ "reference", duet_reference, "seed=1" },
};

static int play(const char *rule, const char *twin)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
		if (!strcmp(twins[i].name, twin)) {
			options.tuning = twins[i].tuning;
			must(duet_loop_create(&loop, twins[i].backend(), &options));
		}
	if (!strcmp(rule, "none"))
		keep_to_the_rules();
	if (!strcmp(rule, "unguarded"))
		break_them_unguarded();
	for (size_t i = 0; i < RULES; i++)
		if (!strcmp(rules[i].name, rule))
			rules[i].play();
	duet_loop_shutdown(loop, DUET_NO_DEADLINE);
	return duet_loop_destroy(loop);
}

/* ---- Its last words. ---- */

struct words {
	char text[20000];
	int status;
};

static void start_again(const char *rule, bool valgrind)
{
	char path[400];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length <= 0)
		_exit(3);
	path[length] = 0;
	if (valgrind)
		execlp("valgrind", "valgrind", "-q", "--error-exitcode=99",
			"--exit-on-first-error=yes", "--leak-check=no", path, "--rule", rule,
			stage.arm->name, (char *)NULL);
	else
		execl(path, path, "--rule", rule, stage.arm->name, (char *)NULL);
	_exit(3);
}

static void hear(const char *rule, bool valgrind, struct words *words)
{
	size_t had = 0;
	ssize_t n;
	int ends[2];
	pid_t child;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		start_again(rule, valgrind);
	}
	close(ends[1]);
	while ((n = read(ends[0], words->text + had, sizeof(words->text) - 1 - had)) > 0)
		had += (size_t)n;
	words->text[had] = 0;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &words->status, 0), child);
}

static bool was_stopped(const struct words *words, bool valgrind)
{
	if (valgrind)
		return WIFEXITED(words->status) && WEXITSTATUS(words->status) == 99;
	return (WIFSIGNALED(words->status) && WTERMSIG(words->status) == SIGABRT) ||
	       (WIFEXITED(words->status) && WEXITSTATUS(words->status) == 1);
}

static void expect_stop(const struct rule *rule, bool valgrind)
{
	static struct words words;

	hear(rule->name, valgrind, &words);
	ck_assert_msg(was_stopped(&words, valgrind), "on %s: %s goes on, status %x: %s",
		stage.arm->name, rule->name, words.status, words.text);
	ck_assert_msg(strstr(words.text, rule->words) != NULL, "on %s: %s: no \"%s\" in: %s",
		stage.arm->name, rule->name, rule->words, words.text);
	if (!rule->by_tool)
		ck_assert_msg(strstr(words.text, "started at tests/fault/guard.c:") &&
				strstr(words.text, " since turn "),
			"on %s: %s: its operation isn't named: %s", stage.arm->name, rule->name,
			words.text);
}

static void expect_silence(const char *name, bool valgrind)
{
	static struct words words;

	hear(name, valgrind, &words);
	/* Valgrind has its own to say, of calls that it doesn't know. */
	ck_assert_msg(words.status == 0 && (valgrind || !words.text[0]), "on %s: %s: status %x: %s",
		stage.arm->name, name, words.status, words.text);
}

START_TEST(each_broken_rule_is_named_and_stopped)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].means & MEANS)
			expect_stop(&rules[i], false);
}
END_TEST

START_TEST(who_keeps_to_the_rules_is_not_stopped)
{
	expect_silence("none", false);
	expect_silence("unguarded", false);
}
END_TEST

/* Under a sanitizer, or as released, there is nothing that Valgrind is told; and not inside itself. */
static bool may_use_valgrind(void)
{
	const char *loaded = getenv("LD_PRELOAD");

	return MEANS == MEANS_DEBUG && !(loaded && strstr(loaded, "vgpreload")) &&
	       access("/usr/include/valgrind/memcheck.h", R_OK) == 0;
}

START_TEST(what_memcheck_watches_over_is_stopped)
{
	if (!may_use_valgrind())
		return;
	expect_silence("none", true);
	expect_silence("unguarded", true);
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].means & MEANS_VALGRIND)
			expect_stop(&rules[i], true);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--rule"))
		return play(argv[2], argv[3]);
	return contract_run("guard", CASES(who_keeps_to_the_rules_is_not_stopped,
		each_broken_rule_is_named_and_stopped, what_memcheck_watches_over_is_stopped), NULL);
}
