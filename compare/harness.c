/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/harness.h"

#include <duet/buffer.h>
#include <duet/loop.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/load/pattern.h"
#include "compare/measure/window.h"
#include "compare/models/file_reader.h"
#include "compare/models/model.h"
#include "compare/null.h"

/* Connections enough to fill a turn; more cost the same each. */
enum { CONNECTIONS_MAX = 64, BUFFERS = 256, PARKED_MAX = 8, HANDLES_SPARE = 8 };
static const uint64_t WARMUP_NS = 2000000, STRETCH_NS = 25000000;

struct harness {
	const struct cell *cell;
	struct duet_loop *loop;
	char tuning[64];
	uint64_t operations, cpu_ns;
};

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Ends of operations, from which those of the workload follow. */
static uint64_t ended(const struct harness *harness)
{
	struct duet_stats stats;

	duet_loop_stats(harness->loop, &stats);
	return stats.ended;
}

static void turn_for(struct harness *harness, uint64_t stretch_ns)
{
	uint64_t until_ns = window_now_ns() + stretch_ns;

	while (window_now_ns() < until_ns)
		duet_loop_turn(harness->loop, 0);
}

static void measure(struct harness *harness)
{
	uint64_t before, cpu_ns;

	turn_for(harness, WARMUP_NS);
	before = ended(harness);
	cpu_ns = cpu_now_ns();
	turn_for(harness, STRETCH_NS);
	harness->cpu_ns = cpu_now_ns() - cpu_ns;
	harness->operations = ended(harness) - before;
}

static bool open_loop(struct harness *harness)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 4096;
	options.tuning = harness->tuning;
	return !duet_loop_create(&harness->loop, null_backend(), &options);
}

static void close_loop(struct harness *harness)
{
	duet_loop_shutdown(harness->loop, window_now_ns() + UINT64_C(1000000000));
	duet_loop_destroy(harness->loop);
}

/* A message is one send. */
static void play_echo(struct harness *harness, uint32_t connections)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct model_host host = { .loop = harness->loop, .buffers = BUFFERS,
				   .connections_max = connections, .parked_max = PARKED_MAX };
	uint32_t buffer_bytes = harness->cell->size_bytes;
	void *state = NULL;

	if (duet_handle_listen(harness->loop, (struct sockaddr *)&address, sizeof(address), 1,
			       &host.listener) ||
	    duet_pool_create(harness->loop, BUFFERS, buffer_bytes, &host.pool) ||
	    MODEL_ECHO_CALLBACK.start(&host, &state))
		return;
	measure(harness);
	close_loop(harness);
	harness->loop = NULL;
	MODEL_ECHO_CALLBACK.finish(state);
}

/* A block of zeros, which are what it has to be: its sum is checked as that of any block. */
static void play_file(struct harness *harness)
{
	static unsigned char zeros[1 << 20];
	uint64_t sum = pattern_block_sum(zeros, harness->cell->block_bytes);
	static struct file_reader_result result;
	struct file_reader_options options = {
		.model = &FILE_CALLBACK, .loop = harness->loop, .block_bytes = harness->cell->block_bytes,
		.depth = harness->cell->depth, .blocks = 1,
		.stride_bytes = harness->cell->block_bytes, .sums = &sum, .seed = 1,
	};
	struct file_reader *reader;
	int fd = memfd_create("null", MFD_CLOEXEC);

	if (fd < 0 || duet_handle_adopt(harness->loop, fd, 0, &options.file))
		return;
	result = (struct file_reader_result){0};
	reader = file_reader_start(&options, &result);
	if (!reader)
		return;
	measure(harness);
	file_reader_stop(reader);
	while (duet_loop_pending(harness->loop))
		duet_loop_turn(harness->loop, 0);
	close_loop(harness);
	harness->loop = NULL;
	if (result.wrong_bytes || result.error)
		harness->operations = 0;
	file_reader_finish(reader);
}

json_t *harness_json(const struct cell *cell)
{
	uint32_t connections = cell->connections < CONNECTIONS_MAX ? cell->connections
								   : CONNECTIONS_MAX;
	struct harness harness = { .cell = cell };

	snprintf(harness.tuning, sizeof(harness.tuning), "connections=%u,size=%u", connections,
		 cell->size_bytes ? cell->size_bytes : 1);
	/* Nothing of cancelling or waking is left where nothing is carried out. */
	if ((cell->workload != &WORKLOAD_ECHO && cell->workload != &WORKLOAD_FILE) ||
	    !open_loop(&harness))
		return NULL;
	if (cell->workload == &WORKLOAD_ECHO)
		play_echo(&harness, connections);
	else
		play_file(&harness);
	if (harness.loop)
		close_loop(&harness);
	if (!harness.operations)
		return NULL;
	return json_pack("{s:f, s:I}", "cpu_per_operation_ns",
			 (double)harness.cpu_ns / (double)harness.operations, "operations",
			 (json_int_t)harness.operations);
}
