/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/twins/examine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/acceptor.h"
#include "reference/twins/play.h"

/* A script takes milliseconds; one that takes so long hangs. */
#define HANG_SECONDS 10

#define TRIES 3

#define COMPLAINT_BYTES 400

static bool examine_arm(const struct script *script, const struct cast *cast, unsigned arm,
			struct trace *trace, struct finding *finding)
{
	const char *tuning = arms[arm].kernel ? NULL : cast->tuning;
	char complaint[COMPLAINT_BYTES] = "";

	finding->arm = arm;
	if (play(script, &arms[arm], tuning, trace, complaint, sizeof(complaint)) ||
	    acceptor_judge(script, trace, complaint, sizeof(complaint))) {
		finding->found = true;
		snprintf(finding->text, sizeof(finding->text), "%s: %s", arms[arm].name, complaint);
	}
	return !finding->found;
}

static bool examine_pair(const struct script *script, const struct trace *one,
			 const struct trace *other, struct finding *finding)
{
	char complaint[COMPLAINT_BYTES];

	if (!acceptor_compare(script, one, other, complaint, sizeof(complaint)))
		return true;
	finding->found = finding->disagreement = true;
	snprintf(finding->text, sizeof(finding->text), "%s against %s: %s", one->player,
		other->player, complaint);
	return false;
}

void examine(const struct script *script, const struct cast *cast, struct finding *finding)
{
	static struct trace traces[2];
	struct trace *first = NULL;

	memset(finding, 0, sizeof(*finding));
	for (unsigned i = 0; i < ARMS_COUNT; i++) {
		struct trace *trace = &traces[first ? 1 : 0];

		/* The kernel has no errors on demand. */
		if (!cast->plays[i] || (script->fault_count && arms[i].kernel))
			continue;
		if (!examine_arm(script, cast, i, trace, finding))
			return;
		if (first && script->calm && !examine_pair(script, first, trace, finding))
			return;
		first = &traces[0];
	}
}

static void examine_child(const struct script *script, const struct cast *cast,
			  struct finding *finding)
{
	unsigned disagreements = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		alarm(HANG_SECONDS);
		examine(script, cast, finding);
		if (finding->found && !finding->disagreement)
			break;
		disagreements += finding->found;
	}
	if (finding->disagreement)
		finding->found = disagreements == TRIES;
	_exit(0);
}

void examine_death(int status, struct finding *finding)
{
	if (!WIFSIGNALED(status))
		return;
	finding->found = true;
	finding->disagreement = false;
	snprintf(finding->text, sizeof(finding->text), "%s: the player %s", arms[finding->arm].name,
		WTERMSIG(status) == SIGALRM ? "hung" : strsignal(WTERMSIG(status)));
}

void examine_apart(const struct script *script, const struct cast *cast, struct finding *finding)
{
	struct finding *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	memset(finding, 0, sizeof(*finding));
	if (shared == MAP_FAILED)
		return;
	fflush(NULL);
	child = fork();
	if (child == 0)
		examine_child(script, cast, shared);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	examine_death(status, shared);
	*finding = *shared;
	munmap(shared, sizeof(*shared));
}
