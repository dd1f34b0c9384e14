/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/play_informed.h"

#include <duet/loop.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare/load/schedule.h"
#include "compare/loop.h"
#include "compare/measure/process.h"
#include "compare/models/informed.h"
#include "compare/models/model.h"
#include "compare/report/counters.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/part.h"

enum { SPARE = 16, CPU_MAX = 4096 };
static const uint64_t SETTLE_NS = 1000000;

struct values {
	struct part_wishes part; /* first */
	const char *style;
	uint32_t rate_per_s;
	uint32_t cpu, load_cpu; /* counted from 1; 0 is any */
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	PART_ROWS,
	{ "style", OPTION_TEXT, AT(style), 0, 0, "NAME", "how the parent waits" },
	{ "rate", OPTION_NUMBER, AT(rate_per_s), 1, SCHEDULE_RATE_MAX, "N", "events a second" },
	{ "cpu", OPTION_NUMBER, AT(cpu), 0, CPU_MAX, "N", "the processor, from 1; 0: any" },
	{ "load-cpu", OPTION_NUMBER, AT(load_cpu), 0, CPU_MAX, "N", "of the sender, likewise" },
	{ 0 },
};

static const struct option_set SET = {
	"play-informed", "", "One slot of a comparison; compare starts this by itself.", ROWS,
};

struct player {
	const struct values *values;
	struct part part;
	duet_handle *handles;
	int active[2]; /* the child's end, until the loop has it, and the sender's */
	pid_t sender;
	int go; /* what the sender waits for */
	struct informed *informed;
	struct informed_result result, settled, before, after;
	uint64_t begun_ns;
};

/* ---- The sender: a process of its own. ---- */

static void bind_to(uint32_t cpu)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(cpu - 1, &only);
	if (cpu)
		sched_setaffinity(0, sizeof(only), &only);
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec at = { .tv_sec = (time_t)(at_ns / 1000000000),
				     .tv_nsec = (long)(at_ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

/* At a constant rate, whether or not anybody has taken what came before: what finds no room is
 * missing in the account. Until it is killed, as it is if its parent ends. */
static void send_events(const struct player *player, int go)
{
	uint64_t start_ns;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	bind_to(player->values->load_cpu);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	start_ns = window_now_ns();
	for (uint64_t i = 1;; i++) {
		uint64_t now_ns;

		sleep_until(start_ns + i * 1000000000 / player->values->rate_per_s);
		now_ns = window_now_ns();
		if (send(player->active[1], &now_ns, sizeof(now_ns), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno != EAGAIN)
			_exit(1);
	}
}

/* Before there is a loop, which no child may touch. */
static int start_sender(struct player *player)
{
	int ends[2];

	/* Records, as of datagrams, but with room for many. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, player->active) || pipe(ends))
		return -errno;
	player->go = ends[1];
	player->sender = fork();
	if (player->sender < 0)
		return -errno;
	if (!player->sender) {
		close(ends[1]);
		close(player->active[0]);
		send_events(player, ends[0]);
	}
	close(ends[0]);
	close(player->active[1]);
	player->part.carrier = player->sender;
	return 0;
}

static void end_sender(struct player *player)
{
	if (player->sender <= 0)
		return;
	kill(player->sender, SIGKILL);
	waitpid(player->sender, NULL, 0);
}

/* ---- The children. ---- */

static int adopt_all(struct player *player)
{
	uint32_t idle = player->part.arm.idle;
	int status = 0;

	for (uint32_t i = 0; !status && i < idle; i++) {
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		status = fd < 0 ? -errno
				: duet_handle_adopt(player->part.loop, fd, 0, &player->handles[i]);
	}
	return status ? status : duet_handle_adopt(player->part.loop, player->active[0], 0,
						   &player->handles[idle]);
}

static int make_children(struct player *player)
{
	struct informed_options options = { .idle_count = player->part.arm.idle };
	int status;

	player->handles = calloc(options.idle_count + 1, sizeof(*player->handles));
	options.handles = player->handles;
	options.loop = player->part.loop;
	status = player->handles ? adopt_all(player) : -ENOMEM;
	if (!status)
		player->informed = informed_create(&options,
						   informed_style_find(player->values->style),
						   &player->result);
	return status ? status : player->informed ? 0 : -ENOMEM;
}

static int create_loop(struct player *player)
{
	uint32_t idle = player->part.arm.idle;
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = idle + SPARE;
	options.handles_max = idle + SPARE;
	options.worker_threads = 0;
	return part_create_loop(&player->part, &options);
}

/* ---- A slot. ---- */

static int measure(struct player *player)
{
	struct part *part = &player->part;
	int status = informed_run(player->informed, window_now_ns() + SETTLE_NS);

	player->settled = player->result; /* all have been asked once, and wait */
	part_hold(part, "ready");
	player->begun_ns = window_now_ns();
	if (write(player->go, "g", 1) != 1)
		return -EPIPE;
	if (!status)
		status = informed_run(player->informed,
				      player->begun_ns + player->values->part.warmup_ns);
	histogram_clear(&player->result.latency);
	player->before = player->result;
	part_open_window(part);
	if (!status)
		status = informed_run(player->informed,
				      part->window.opened.at_ns + player->values->part.duration_ns);
	part_close_window(part);
	player->after = player->result;
	end_sender(player);
	part_hold(part, "over");
	return status;
}

/* As of echo: fewer than 98 % of what was due is not kept, but one or a little of a second may be on
 * its way. */
static bool rate_kept(uint64_t due, uint64_t events, double rate)
{
	double allowed = (double)due / 50, spare = rate / 50;

	if (spare > (double)due / 10)
		spare = (double)due / 10;
	allowed = allowed > spare ? allowed : spare;
	return (double)events + (allowed > 1 ? allowed : 1) >= (double)due;
}

static json_t *slot_of(const struct player *player)
{
	const struct informed_result *result = &player->after;
	uint64_t events = result->events - player->before.events;
	uint64_t due = window_elapsed_ns(&player->part.window) * player->values->rate_per_s /
		1000000000;
	const struct slot slot = {
		.window = &player->part.window,
		.latency = &result->latency,
		.operations = events,
		.operations_total = result->events,
	};
	const struct model_counts counts = { .wakes = result->wakes - player->settled.wakes,
					     .polls = result->polls - player->settled.polls };
	json_t *json = slot_json(&slot), *counters;

	json_object_set_new(json, "due", json_integer((json_int_t)due));
	json_object_set_new(json, "rate_kept",
			    json_boolean(rate_kept(due, events, player->values->rate_per_s)));
	counters = counters_json(player->part.loop, window_now_ns() - player->begun_ns);
	counters_add_model(counters, &counts);
	json_object_set_new(json, "counters", counters);
	return json;
}

static int conclude(struct player *player, int status)
{
	json_t *json;
	int code;

	if (status)
		return say_failure(SAY_UNMEASURED, "%s: %s", player->values->style,
				   strerror(-status));
	json = slot_of(player);
	code = store_write(json, "-");
	json_decref(json);
	return code;
}

static int play(struct player *player)
{
	int code, status;

	process_raise_files();
	status = start_sender(player);
	if (status)
		return say_failure(SAY_UNMEASURED, "can't have a sender: %s", strerror(-status));
	bind_to(player->values->cpu);
	code = create_loop(player);
	status = code ? 0 : make_children(player);
	if (status)
		code = say_failure(SAY_UNMEASURED, "%u idle children: %s", player->part.arm.idle,
				   strerror(-status));
	if (!code)
		code = part_open_held(&player->part, player->values->part.held);
	if (!code)
		code = conclude(player, measure(player));
	if (loop_end(player->part.loop))
		return code; /* what is lent goes with the process */
	informed_destroy(player->informed);
	free(player->handles);
	return code;
}

static int check(const struct values *values, struct player *player)
{
	char why[ARM_WHY_MAX];

	if (arm_read(values->part.backend, &player->part.arm, why, sizeof(why)) ||
	    player->part.arm.kind != ARM_BACKEND || player->part.arm.idle == ARM_UNSET)
		return say_failure(SAY_USAGE, "play-informed: which backend, how many idle?");
	if (!informed_style_find(values->style))
		return say_failure(SAY_USAGE, "play-informed: which style?");
	return OPTIONS_READ;
}

int play_informed_command(int argc, char **argv)
{
	struct values values = { .part = PART_WISHES, .style = "precise", .rate_per_s = 1000 };
	struct player *player = calloc(1, sizeof(*player));
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (!player)
		code = say_failure(SAY_UNMEASURED, "out of memory");
	else if (code == OPTIONS_READ)
		code = check(&values, player);
	if (code == OPTIONS_READ) {
		player->values = &values;
		code = play(player);
	}
	if (player)
		end_sender(player);
	free(player);
	return code;
}
