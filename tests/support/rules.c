/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/rules.h"

#include <duet/completion.h>
#include <duet/polling.h>
#include <duet/reference.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct duet_loop *rules_loop;

static const struct rule *rules;
static size_t rules_count;
static const char *source;

/* ---- What most begin with. ---- */

void rules_must(int answer)
{
	if (answer < 0) {
		printf("can't begin: %s\n", duet_error_name(answer));
		exit(3);
	}
}

void rules_turn(unsigned turns)
{
	while (turns--)
		rules_must(duet_loop_turn(rules_loop, 0));
}

void rules_settle(const struct duet_op *awaited)
{
	while (duet_op_pending(awaited))
		rules_must(duet_loop_turn(rules_loop, 1000000));
}

void rules_hear(struct duet_op *ended)
{
	(void)ended;
}

void rules_pair(duet_handle *near, duet_handle *far)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	duet_handle listener;
	struct duet_op set_up;

	duet_op_init(&set_up, rules_hear, NULL);
	rules_must(duet_handle_listen(rules_loop, (struct sockaddr *)&address, sizeof(address), 5, &listener));
	duet_op_socket(&set_up, AF_INET, SOCK_STREAM, 0);
	rules_must(duet_op_start(rules_loop, &set_up));
	rules_settle(&set_up);
	*near = set_up.made;
	duet_op_connect(&set_up, *near, (struct sockaddr *)&address, sizeof(address));
	rules_must(duet_op_start(rules_loop, &set_up));
	rules_settle(&set_up);
	duet_op_accept(&set_up, listener, 0);
	rules_must(duet_op_start(rules_loop, &set_up));
	rules_settle(&set_up);
	*far = set_up.made;
}

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

static int play(const char *name, const char *twin)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 1;
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
		if (!strcmp(twins[i].name, twin)) {
			options.tuning = twins[i].tuning;
			rules_must(duet_loop_create(&rules_loop, twins[i].backend(), &options));
		}
	for (size_t i = 0; i < rules_count; i++)
		if (!strcmp(rules[i].name, name))
			rules[i].play();
	duet_loop_shutdown(rules_loop, DUET_NO_DEADLINE);
	return duet_loop_destroy(rules_loop);
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
	char start[100];

	snprintf(start, sizeof(start), "started at %s", source);
	hear(rule->name, valgrind, &words);
	ck_assert_msg(was_stopped(&words, valgrind), "on %s: %s goes on, status %x: %s",
		stage.arm->name, rule->name, words.status, words.text);
	ck_assert_msg(strstr(words.text, rule->words) != NULL, "on %s: %s: no \"%s\" in: %s",
		stage.arm->name, rule->name, rule->words, words.text);
	if (!rule->by_tool)
		ck_assert_msg(strstr(words.text, start) &&
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
	for (size_t i = 0; i < rules_count; i++)
		if (rules[i].means & MEANS)
			expect_stop(&rules[i], false);
}
END_TEST

START_TEST(who_keeps_to_the_rules_is_not_stopped)
{
	for (size_t i = 0; i < rules_count; i++)
		if (!rules[i].words)
			expect_silence(rules[i].name, false);
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
	for (size_t i = 0; i < rules_count; i++)
		if (!rules[i].words)
			expect_silence(rules[i].name, true);
		else if (rules[i].means & MEANS_VALGRIND)
			expect_stop(&rules[i], true);
}
END_TEST

int rules_main(int argc, char **argv, const char *suite, const char *file,
	       const struct rule *list, size_t count)
{
	rules = list;
	rules_count = count;
	source = file;
	if (argc == 4 && !strcmp(argv[1], "--rule"))
		return play(argv[2], argv[3]);
	return contract_run(suite, CASES(who_keeps_to_the_rules_is_not_stopped,
		each_broken_rule_is_named_and_stopped, what_memcheck_watches_over_is_stopped), NULL);
}
