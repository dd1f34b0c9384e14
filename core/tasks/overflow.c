/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/fiber.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/lifecycle.h"
#include "core/loop.h"
#include "core/tasks/stack.h"

/*
 * A fault in the guard of a fiber's stack is named. The handler runs on a stack of its own, as the
 * fiber's has no room; it calls nothing but write() and sigaction(), and gives the fault back: the
 * instruction faults again, at its own place, and the former action has it.
 */

enum { ALTERNATE_BYTES = 65536 };

/* At the beginning of its own mapping; the rest is the alternate stack. */
struct catcher {
	struct catcher *outer; /* of another loop of this thread */
	struct duet_loop *loop;
	stack_t stack; /* what was there before */
};

/* A handler is given no context: this is the one way to its loop. */
static _Thread_local struct catcher *catching;

/* An action is the process's, whatever thread asks for it and is done first: it is there from the first
 * catcher to the last, of all loops. */
static struct {
	pthread_mutex_t lock;
	unsigned catchers;
	struct sigaction former;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- Told. ---- */

struct line {
	char text[400];
	size_t length;
};

static void add(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text) - 1)
		line->text[line->length++] = *text++;
}

static void add_number(struct line *line, size_t number)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	add(line, digits + at);
}

static void tell(const struct duet_fiber *fiber)
{
	const struct duet_stack *stack = fiber->stack;
	const struct duet_site *spawned = stack->spawned;
	struct line line = {.length = 0};
	ssize_t written;

	add(&line, "duet: fiber ");
	add(&line, fiber->task.name ? fiber->task.name : "unnamed");
	add(&line, " needs more than its stack of ");
	add_number(&line, core_stack_bytes(stack));
	add(&line, " bytes; it was spawned at ");
	add(&line, spawned ? spawned->file : "an unknown place");
	add(&line, ":");
	add_number(&line, spawned && spawned->line > 0 ? (size_t)spawned->line : 0);
	add(&line, ": give its pool a larger stack_bytes\n");
	written = write(STDERR_FILENO, line.text, line.length);
	(void)written;
}

/* ---- Caught. ---- */

static bool in_guard(const struct duet_fiber *fiber, const void *address)
{
	const unsigned char *bottom = core_stack_bottom(fiber->stack);
	const unsigned char *at = address;

	return at < bottom && at >= bottom - core_stack_guard_bytes(fiber->stack);
}

static void handle(int number, siginfo_t *info, void *context)
{
	const struct catcher *catcher = catching;

	(void)context;
	for (; catcher; catcher = catcher->outer)
		if (catcher->loop->fiber && in_guard(catcher->loop->fiber, info->si_addr))
			break;
	if (catcher) {
		tell(catcher->loop->fiber);
		signal(number, SIG_DFL);
		return;
	}
	sigaction(number, &process.former, NULL);
}

static bool is_installed(const struct sigaction *now)
{
	return now->sa_flags & SA_SIGINFO && now->sa_sigaction == handle;
}

/* Again where a fault was given back, or the program has put its own there since. */
static int install_action(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction now;

	action.sa_sigaction = handle;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, NULL, &now))
		return -errno;
	if (is_installed(&now))
		return 0;
	process.former = now;
	return sigaction(SIGSEGV, &action, NULL) ? -errno : 0;
}

static int enter_process(void)
{
	int error;

	pthread_mutex_lock(&process.lock);
	error = install_action();
	process.catchers += !error;
	pthread_mutex_unlock(&process.lock);
	return error;
}

static void leave_process(void)
{
	struct sigaction now;

	pthread_mutex_lock(&process.lock);
	if (--process.catchers == 0 && !sigaction(SIGSEGV, NULL, &now) && is_installed(&now))
		sigaction(SIGSEGV, &process.former, NULL);
	pthread_mutex_unlock(&process.lock);
}

static int install(struct catcher *catcher)
{
	stack_t alternate = {.ss_sp = (char *)catcher + sizeof(*catcher),
			     .ss_size = ALTERNATE_BYTES - sizeof(*catcher)};
	int error;

	if (sigaltstack(&alternate, &catcher->stack))
		return -errno;
	error = enter_process();
	if (error)
		sigaltstack(&catcher->stack, NULL);
	return error;
}

int duet_overflow_catch(struct duet_loop *loop)
{
	struct catcher *catcher;
	int error;

	core_check_owner(loop);
	for (catcher = catching; catcher; catcher = catcher->outer)
		if (catcher->loop == loop)
			return -EALREADY;
	catcher = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (catcher == MAP_FAILED)
		return -errno;
	catcher->loop = loop;
	catcher->outer = catching;
	error = install(catcher);
	if (error)
		munmap(catcher, ALTERNATE_BYTES);
	else
		catching = catcher;
	return error;
}

void duet_overflow_release(struct duet_loop *loop)
{
	struct catcher *catcher = catching;

	core_check_owner(loop);
	if (!catcher || catcher->loop != loop)
		return;
	catching = catcher->outer;
	leave_process();
	sigaltstack(&catcher->stack, NULL);
	munmap(catcher, ALTERNATE_BYTES);
}
