/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/window.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t window_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* The processor clock of another process has nanoseconds, where procfs has ticks. */
static uint64_t process_cpu_ns(pid_t pid)
{
	clockid_t clock;

	if (!pid || clock_getcpuclockid(pid, &clock))
		return 0;
	return clock_ns(clock);
}

/* The clocks are read nearest to the measured stretch, the slow files outside of it. */
static void read_files(const struct window *window, struct window_edge *edge)
{
	noise_read_machine("/proc", &window->processors, &edge->machine);
	noise_read_process("/proc", getpid(), &edge->own);
	if (window->subject)
		noise_read_process("/proc", window->subject, &edge->subject);
	if (window->carrier)
		noise_read_process("/proc", window->carrier, &edge->carrier);
}

static void read_clocks(const struct window *window, struct window_edge *edge)
{
	edge->own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	edge->subject_cpu_ns = process_cpu_ns(window->subject);
	edge->carrier_cpu_ns = process_cpu_ns(window->carrier);
	edge->at_ns = window_now_ns();
}

/* Where one can't be asked it may be anywhere. */
static void add_processors(struct window *window, pid_t pid)
{
	cpu_set_t its;

	if (sched_getaffinity(pid, sizeof(its), &its))
		memset(&its, 0xff, sizeof(its));
	CPU_OR(&window->processors, &window->processors, &its);
}

void window_open(struct window *window, pid_t subject, pid_t carrier)
{
	memset(window, 0, sizeof(*window));
	window->subject = subject;
	window->carrier = carrier;
	add_processors(window, getpid());
	if (subject)
		add_processors(window, subject);
	if (carrier)
		add_processors(window, carrier);
	read_files(window, &window->opened);
	read_clocks(window, &window->opened);
}

void window_close(struct window *window)
{
	read_clocks(window, &window->closed);
	read_files(window, &window->closed);
}

static uint64_t growth(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0; /* a thread may have ended in between */
}

void window_noise(const struct window *window, struct noise *out)
{
	const struct window_edge *from = &window->opened, *to = &window->closed;
	uint64_t subject_wait = growth(from->subject.wait_ns, to->subject.wait_ns);
	uint64_t own_wait = growth(from->own.wait_ns, to->own.wait_ns);
	uint64_t carrier_wait = growth(from->carrier.wait_ns, to->carrier.wait_ns);
	uint64_t ours = growth(from->own_cpu_ns, to->own_cpu_ns) +
		growth(from->carrier_cpu_ns, to->carrier_cpu_ns);

	if (window->subject != getpid())
		ours += growth(from->subject_cpu_ns, to->subject_cpu_ns);
	out->elapsed_ns = window_elapsed_ns(window);
	out->wait_ns = subject_wait > own_wait ? subject_wait : own_wait;
	if (carrier_wait > out->wait_ns)
		out->wait_ns = carrier_wait;
	out->steal_ns = growth(from->machine.steal_ns, to->machine.steal_ns);
	out->others_cpu_ns = growth(ours, growth(from->machine.busy_ns, to->machine.busy_ns));
}
