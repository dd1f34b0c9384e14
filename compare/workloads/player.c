/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/player.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "compare/kernel/view.h"
#include "compare/measure/process.h"
#include "compare/say.h"

int player_begin(struct player_job *job, const char *command)
{
	const struct arm *arm = job->arm;

	job->cpu = PROCESS_ANYWHERE;
	job->answers[0] = job->answers[1] = -1;
	if (job->stage->view && pipe2(job->answers, O_CLOEXEC))
		return say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(errno));
	arguments_begin(&job->arguments);
	arguments_add(&job->arguments, "%s", command);
	arguments_add(&job->arguments, "--backend=%s%s%s", arm->backend, *arm->keys ? ":" : "",
		      arm->keys);
	arguments_add(&job->arguments, "--seed=%" PRIu64, job->stage->seed);
	arguments_add(&job->arguments, "--warmup=%.9f", (double)job->cell->warmup_ns / 1e9);
	arguments_add(&job->arguments, "--duration=%.9f", (double)job->cell->duration_ns / 1e9);
	if (job->stage->view)
		arguments_add(&job->arguments, "--held=/proc/%d/fd/%d", (int)getpid(),
			      job->answers[0]);
	return SAY_OK;
}

struct run {
	const struct arguments *arguments;
	const char *name, *file; /* as in struct player_job; NULL: none of the user's */
	struct view *view;       /* or NULL */
	int answer;              /* where a watched one is let go on */
	int cpu;                 /* as in struct player_job */
	int patience_ms;
};

static int complain(const struct run *run, const struct process *player, int code)
{
	int passed = code == SAY_USAGE || code == SAY_WRONG_BYTE ? code : SAY_UNMEASURED;
	char line[256];

	process_complaint(player, line, sizeof(line));
	if (run->file && !strncmp(line, run->file, strlen(run->file)))
		return say_failure(passed, "%s", line);
	if (*line)
		return say_failure(passed, "arm %s: %s", run->name, line);
	return say_failure(SAY_UNMEASURED, "arm %s: the process that plays it ended with %s %d",
			   run->name, code > 128 ? "signal" : "exit code",
			   code > 128 ? code - 128 : code);
}

/* A watched player says when it is about to begin, and when all is over, and waits at both: the window
 * opens and closes while it stands still. */
static int watch(struct view *view, struct process *player, int answer, int timeout_ms)
{
	char line[64];
	int status = process_line(player, line, sizeof(line), timeout_ms);

	view_begin(view, player->pid);
	if (status > 0 && write(answer, "b", 1) == 1)
		status = process_line(player, line, sizeof(line), timeout_ms);
	view_end(view);
	if (status > 0 && write(answer, "e", 1) != 1)
		status = -errno;
	return status < 0 ? status : 0;
}

static void close_answers(const int answers[2])
{
	if (answers[0] >= 0)
		close(answers[0]);
	if (answers[1] >= 0)
		close(answers[1]);
}

static int await(const struct run *run, struct process *player)
{
	int status = run->view ? watch(run->view, player, run->answer, run->patience_ms) : 0;

	return status ? status : process_rest(player, run->patience_ms);
}

static int play(const struct run *run, json_t **slot)
{
	struct process player;
	int status, code;

	*slot = NULL;
	if (process_interrupted())
		return WORKLOAD_INTERRUPTED;
	status = process_start(&player, run->arguments->list, run->cpu);
	if (status)
		return say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(-status));
	status = await(run, &player);
	code = process_end(&player, status ? SIGKILL : 0);
	if (!code || code == SAY_WRONG_BYTE)
		*slot = json_loads(player.text ? player.text + player.consumed : "", 0, NULL);
	if (status == -EINTR || (!code && process_interrupted()))
		code = WORKLOAD_INTERRUPTED;
	else if (!*slot)
		code = complain(run, &player, code);
	process_forget(&player);
	return code;
}

int player_run(const struct arguments *arguments, const char *name, int patience_ms, json_t **slot)
{
	return play(&(struct run){ .arguments = arguments, .name = name,
				   .cpu = PROCESS_ANYWHERE, .patience_ms = patience_ms }, slot);
}

int player_end(struct player_job *job, json_t **slot)
{
	const struct cell *cell = job->cell;
	const struct run run = {
		.arguments = &job->arguments, .name = job->arm->name, .file = job->file,
		.view = job->stage->view, .answer = job->answers[1], .cpu = job->cpu,
		.patience_ms = (int)((cell->warmup_ns + cell->duration_ns) / 1000000) + 20000,
	};
	int code = play(&run, slot);

	close_answers(job->answers);
	return code;
}
