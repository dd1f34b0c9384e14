/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * The main() of a target of tests/fuzz/ without libFuzzer. It plays the kept corpus, and then, for
 * FUZZ_SECONDS, changed inputs of it, drawn from DUET_TEST_SEED; the input under way stands in
 * DUET_BUILD/fuzz/NAME.last, so that it is there after a crash. It sees no coverage: libFuzzer finds more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/fuzz.h"

enum { INPUTS_MAX = 4096, INPUT_MAX = 8192 };

struct input {
	size_t bytes;
	uint8_t data[INPUT_MAX];
};

static struct input *inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t state;
static uint8_t *last; /* as much as an input has at most */

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(state >> 33) % below;
}

static void read_input(const char *folder, const char *name)
{
	struct input *input = malloc(sizeof(*input));
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!input || !file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	input->bytes = fread(input->data, 1, sizeof(input->data), file);
	fclose(file);
	inputs[input_count++] = input;
}

static void read_corpus(const char *folder)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);

	if (count < 0) {
		fprintf(stderr, "%s: %s; run it in the root of the tree\n", folder, strerror(errno));
		exit(1);
	}
	for (int i = 0; i < count; i++) {
		if (*names[i]->d_name != '.' && input_count < INPUTS_MAX)
			read_input(folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

static void play(const struct input *input)
{
	/* Exactly as long as it is, so that reading past it is seen. */
	uint8_t *data = malloc(input->bytes + !input->bytes);

	if (!data)
		exit(1);
	memcpy(data, input->data, input->bytes);
	if (last) {
		memcpy(last, input->data, input->bytes);
		memset(last + input->bytes, 0, INPUT_MAX - input->bytes);
	}
	LLVMFuzzerTestOneInput(data, input->bytes);
	free(data);
}

/* ---- Changed ones. ---- */

static void change_byte(struct input *input)
{
	static const char LIKELY[] = "\r\n *$%/.-=:\"'\\0129aG\x00\x7f\x80\xff";

	if (input->bytes)
		input->data[draw((uint32_t)input->bytes)] =
			draw(2) ? (uint8_t)LIKELY[draw(sizeof(LIKELY))] : (uint8_t)draw(256);
}

static void cut_out(struct input *input)
{
	size_t from = draw((uint32_t)input->bytes + 1), count = draw(16) + 1;

	if (count > input->bytes - from)
		count = input->bytes - from;
	memmove(input->data + from, input->data + from + count, input->bytes - from - count);
	input->bytes -= count;
}

/* A piece of another one in the middle. */
static void cross(struct input *input)
{
	const struct input *other = inputs[draw((uint32_t)input_count)];
	size_t from = draw((uint32_t)other->bytes + 1), count = other->bytes - from;
	size_t at = draw((uint32_t)input->bytes + 1);

	if (count > 64 && draw(2))
		count = draw(64);
	if (count > sizeof(input->data) - input->bytes)
		count = sizeof(input->data) - input->bytes;
	memmove(input->data + at + count, input->data + at, input->bytes - at);
	memcpy(input->data + at, other->data + from, count);
	input->bytes += count;
}

static void play_changed(uint32_t seconds)
{
	static struct input input;
	const time_t end = time(NULL) + seconds;
	uint64_t plays = 0;

	while (time(NULL) < end) {
		input = *inputs[draw((uint32_t)input_count)];
		for (uint32_t changes = draw(8) + 1; changes > 0; changes--) {
			switch (draw(4)) {
			case 0:
				cut_out(&input);
				break;
			case 1:
				cross(&input);
				break;
			default:
				change_byte(&input);
			}
		}
		play(&input);
		plays++;
	}
	printf("%llu changed inputs\n", (unsigned long long)plays);
}

static void map_last(const char *name)
{
	const char *build = getenv("DUET_BUILD");
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/fuzz", build ? build : "build");
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/fuzz/%s.last", build ? build : "build", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || ftruncate(fd, INPUT_MAX)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	last = mmap(NULL, INPUT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (last == MAP_FAILED)
		exit(1);
}

int main(void)
{
	const char *seconds = getenv("FUZZ_SECONDS"), *seed = getenv("DUET_TEST_SEED");
	const char *name = program_invocation_short_name;
	char folder[256];

	snprintf(folder, sizeof(folder), "tests/fuzz/corpus/%s", name);
	read_corpus(folder);
	for (size_t i = 0; i < input_count; i++)
		play(inputs[i]);
	if (seconds && input_count) {
		state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
		printf("%s: seed %llu\n", name, (unsigned long long)state);
		map_last(name);
		play_changed((uint32_t)strtoul(seconds, NULL, 10));
	}
	for (size_t i = 0; i < input_count; i++)
		free(inputs[i]);
	printf("100%%: Checks: %zu, Failures: 0, Errors: 0\n", input_count);
	return 0;
}
