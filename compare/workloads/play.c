/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/play.h"

#include <duet/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/arm.h"
#include "compare/load/pattern.h"
#include "compare/loop.h"
#include "compare/models/file_reader.h"
#include "compare/models/model.h"
#include "compare/report/counters.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/part.h"

struct values {
	struct part_wishes part; /* first */
	const char *model, *file, *name, *sums;
	uint32_t block_bytes, depth, workers;
	uint64_t blocks, stride_bytes;
	bool direct;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	PART_ROWS,
	{ "model", OPTION_TEXT, AT(model), 0, 0, "NAME", "the arm's model" },
	{ "file", OPTION_TEXT, AT(file), 0, 0, "PATH", "to read" },
	{ "name", OPTION_TEXT, AT(name), 0, 0, "NAME", "of it, for people" },
	{ "sums", OPTION_TEXT, AT(sums), 0, 0, "PATH", "of its blocks; without, it is ours" },
	{ "block", OPTION_SIZE, AT(block_bytes), 512, 1 << 20, "BYTES", "of a read" },
	{ "depth", OPTION_NUMBER, AT(depth), 1, 1024, "N", "reads in flight" },
	{ "workers", OPTION_NUMBER, AT(workers), 0, 64, "N", "threads for what would block" },
	{ "blocks", OPTION_SEED, AT(blocks), 1, UINT64_MAX, "N", "different ones" },
	{ "stride", OPTION_SEED, AT(stride_bytes), 512, UINT64_MAX, "BYTES", "between them" },
	{ "direct", OPTION_FLAG, AT(direct), 0, 0, "", "O_DIRECT" },
	{ 0 },
};

static const struct option_set SET = {
	"play", "file", "One slot of a comparison; compare starts this by itself.", ROWS,
};

struct player {
	const struct values *values;
	struct part part;
	struct file_reader_options options;
	struct file_reader_result result, kept;
	struct file_reader *reader;
	uint64_t begun_ns;
	uint64_t completed_before; /* in the warm-up */
};

static int create_loop(struct player *player)
{
	struct duet_loop_options options;
	int code;

	duet_loop_options_init(&options);
	options.worker_threads = player->values->workers;
	code = part_create_loop(&player->part, &options);
	player->options.loop = player->part.loop;
	return code;
}

static int open_file(struct player *player)
{
	const struct values *values = player->values;
	int fd = open(values->file, O_RDONLY | O_CLOEXEC | (values->direct ? O_DIRECT : 0));
	int status;

	if (fd < 0)
		return say_failure(SAY_UNMEASURED, "can't open %s: %s%s", values->name,
				   strerror(errno), errno == EINVAL && values->direct
					   ? "; this file system has no O_DIRECT" : "");
	status = duet_handle_adopt(player->options.loop, fd, 0, &player->options.file);
	if (!status)
		return SAY_OK;
	close(fd);
	return say_failure(SAY_UNMEASURED, "can't use %s: %s", values->name, strerror(-status));
}

static int map_sums(struct player *player)
{
	const struct values *values = player->values;
	int fd = values->sums ? open(values->sums, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (!values->sums)
		return SAY_OK;
	map = fd < 0 ? MAP_FAILED : mmap(NULL, values->blocks * sizeof(uint64_t), PROT_READ,
					 MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return say_failure(SAY_UNMEASURED, "can't read the sums: %s", strerror(errno));
	player->options.sums = map;
	return SAY_OK;
}

static int turn_until(struct player *player, uint64_t until_ns)
{
	uint64_t now_ns = window_now_ns();
	int status = 0;

	while (status >= 0 && now_ns < until_ns && !player->result.error) {
		status = duet_loop_turn(player->options.loop, (int64_t)(until_ns - now_ns));
		now_ns = window_now_ns();
	}
	return status < 0 ? status : player->result.error;
}

/* What is still under way at the end was not completed inside the window. */
static int measure(struct player *player)
{
	int status;

	part_hold(&player->part, "ready");
	player->begun_ns = window_now_ns();
	player->reader = file_reader_start(&player->options, &player->result);
	if (!player->reader)
		return -ENOMEM;
	status = turn_until(player, player->begun_ns + player->values->part.warmup_ns);
	player->completed_before = player->result.completed;
	histogram_clear(&player->result.latency);
	part_open_window(&player->part);
	if (!status)
		status = turn_until(player, player->part.window.opened.at_ns +
						    player->values->part.duration_ns);
	part_close_window(&player->part);
	player->kept = player->result;
	file_reader_stop(player->reader);
	while (status >= 0 && file_reader_busy(player->reader))
		status = duet_loop_turn(player->options.loop, -1);
	part_hold(&player->part, "over");
	return status < 0 ? status : player->result.error;
}

static int report(struct player *player)
{
	struct slot slot = {
		.window = &player->part.window,
		.latency = &player->kept.latency,
		.operations = player->kept.completed - player->completed_before,
		.operations_total = player->result.completed,
		.wrong_bytes = player->result.wrong_bytes,
	};
	struct model_counts counts;
	json_t *json = slot_json(&slot);
	int code;

	file_reader_count(player->reader, &counts);
	json_object_set_new(json, "counters",
			    counters_json(player->options.loop, window_now_ns() - player->begun_ns));
	if (player->options.model != &FILE_CALLBACK)
		counters_add_model(json_object_get(json, "counters"), &counts);
	code = store_write(json, "-");
	json_decref(json);
	return code;
}

/* A block was wrong: because somebody wrote to the file, or because the arm handed over something
 * else? A plain read of the same place tells. */
static bool file_changed(const struct player *player)
{
	const struct values *values = player->values;
	uint64_t offset = player->result.wrong_offset;
	unsigned char *block = malloc(values->block_bytes);
	int fd = open(values->file, O_RDONLY | O_CLOEXEC);
	bool changed = false;

	if (block && fd >= 0 && player->options.sums)
		changed = pread(fd, block, values->block_bytes, (off_t)offset) !=
				(ssize_t)values->block_bytes ||
			pattern_block_sum(block, values->block_bytes) !=
				player->options.sums[offset / values->stride_bytes];
	if (fd >= 0)
		close(fd);
	free(block);
	return changed;
}

static int conclude(struct player *player, int status)
{
	const struct file_reader_result *result = &player->result;

	if (status == -ENODATA)
		return say_failure(SAY_UNMEASURED, "%s shrank while it was read: the block at byte "
				   "%" PRIu64 " was cut short", player->values->name,
				   result->error_offset);
	if (result->error)
		return say_failure(SAY_UNMEASURED, "%s: read at byte %" PRIu64 ": %s",
				   player->values->name, result->error_offset,
				   strerror(-result->error));
	if (status < 0)
		return say_failure(SAY_UNMEASURED, "%s: %s", player->values->name,
				   strerror(-status));
	if (result->wrong_bytes && file_changed(player))
		return say_failure(SAY_UNMEASURED, "%s was changed by somebody else while it was "
				   "read: the block at byte %" PRIu64 " is not what it was",
				   player->values->name, result->wrong_offset);
	status = report(player);
	if (result->wrong_bytes)
		return say_failure(SAY_WRONG_BYTE, "%s: %" PRIu64 " bytes in wrong blocks, the first "
				   "at byte %" PRIu64, player->values->name, result->wrong_bytes,
				   result->wrong_offset);
	return status;
}

static int play(struct player *player)
{
	int code = create_loop(player);

	if (!code)
		code = map_sums(player);
	if (!code)
		code = open_file(player);
	if (!code)
		code = part_open_held(&player->part, player->values->part.held);
	if (!code)
		code = conclude(player, measure(player));
	if (!loop_end(player->options.loop))
		file_reader_finish(player->reader);
	return code;
}

int play_command(int argc, char **argv)
{
	struct values values = { .part = PART_WISHES, .model = "callback", .name = "the file",
				 .block_bytes = 4096, .depth = 1, .workers = 2, .blocks = 1,
				 .stride_bytes = 4096 };
	struct player *player = calloc(1, sizeof(*player));
	int first, code = options_read(&SET, argc, argv, &values, &first);
	char why[ARM_WHY_MAX];

	if (!player)
		code = say_failure(SAY_UNMEASURED, "out of memory");
	else if (code == OPTIONS_READ && (!values.file || arm_read(values.part.backend, &player->part.arm, why,
								  sizeof(why))))
		code = say_failure(SAY_USAGE, "play: which file, which backend?");
	else if (code == OPTIONS_READ && !file_model_find(values.model))
		code = say_failure(SAY_USAGE, "play: which model?");
	if (code == OPTIONS_READ) {
		player->values = &values;
		player->options.model = file_model_find(values.model);
		player->options.block_bytes = values.block_bytes;
		player->options.depth = values.depth;
		player->options.blocks = values.blocks;
		player->options.stride_bytes = values.stride_bytes;
		player->options.seed = values.part.seed;
		code = play(player);
	}
	free(player);
	return code;
}
