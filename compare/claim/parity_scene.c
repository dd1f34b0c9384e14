/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/parity_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/load/pattern.h"
#include "compare/measure/rounds.h"
#include "compare/workloads/nameless.h"

enum { BLOCKS = 1024, BACKLOG = 128 };

const char *parity_workload_name(enum parity_workload workload)
{
	static const char *const names[PARITY_WORKLOADS] = {
		[PARITY_ECHO] = "echo",
		[PARITY_FILE] = "file",
		[PARITY_CHURN] = "churn",
		[PARITY_CANCEL] = "cancel",
	};

	return names[workload];
}

/* ---- Set up. ---- */

static int begin_pairs(struct parity_scene *scene)
{
	for (uint32_t i = 0; i < scene->count; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return -errno;
		scene->ends[i] = pair[0];
		scene->peers[i] = pair[1];
	}
	return 0;
}

static int open_file(void)
{
	const char *folder = getenv("TMPDIR");

	return nameless_open(folder && *folder ? folder : "/tmp");
}

static int begin_file(struct parity_scene *scene)
{
	unsigned char block[PARITY_BLOCK];

	scene->file = open_file();
	if (scene->file < 0)
		return scene->file;
	scene->memory = aligned_alloc(PARITY_BLOCK, (size_t)scene->count * PARITY_BLOCK);
	if (!scene->memory)
		return -ENOMEM;
	for (uint64_t i = 0; i < BLOCKS; i++) {
		pattern_block_fill(block, PARITY_BLOCK, i * PARITY_BLOCK);
		if (pwrite(scene->file, block, PARITY_BLOCK, (off_t)(i * PARITY_BLOCK)) !=
		    PARITY_BLOCK)
			return errno ? -errno : -EIO;
	}
	return 0;
}

/* The kernel chooses a name that is no file's. */
static int begin_churn(struct parity_scene *scene)
{
	scene->address.sun_family = AF_UNIX;
	scene->address_bytes = sizeof(scene->address);
	scene->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (scene->listener < 0 ||
	    bind(scene->listener, (const struct sockaddr *)&scene->address, sizeof(sa_family_t)) ||
	    listen(scene->listener, BACKLOG) ||
	    getsockname(scene->listener, (struct sockaddr *)&scene->address, &scene->address_bytes))
		return -errno;
	return 0;
}

int parity_scene_begin(struct parity_scene *scene, enum parity_workload workload, uint32_t count,
		       uint64_t seed)
{
	static int (*const begins[PARITY_WORKLOADS])(struct parity_scene * scene) = {
		begin_pairs,
		begin_file,
		begin_churn,
		begin_pairs,
	};

	*scene = (struct parity_scene){
		.workload = workload, .random = seed, .listener = -1, .file = -1
	};
	scene->ends = calloc(count, sizeof(*scene->ends));
	scene->peers = calloc(count, sizeof(*scene->peers));
	scene->offsets = calloc(count, sizeof(*scene->offsets));
	if (!scene->ends || !scene->peers || !scene->offsets)
		return -ENOMEM;
	scene->count = count;
	for (uint32_t i = 0; i < count; i++)
		scene->ends[i] = scene->peers[i] = -1;
	return begins[workload](scene);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void parity_scene_end(struct parity_scene *scene)
{
	for (uint32_t i = 0; i < scene->count; i++) {
		close_if_open(scene->ends[i]);
		close_if_open(scene->peers[i]);
	}
	close_if_open(scene->listener);
	close_if_open(scene->file);
	free(scene->memory);
	free(scene->offsets);
	free(scene->peers);
	free(scene->ends);
}

/* ---- A batch. ---- */

static bool send_message(struct parity_scene *scene, uint32_t i)
{
	unsigned char message[PARITY_MESSAGE];

	memset(message, scene->number, sizeof(message));
	return send(scene->peers[i], message, sizeof(message), MSG_NOSIGNAL) == PARITY_MESSAGE;
}

/* Where it is read to stands what can't be there. */
static bool choose_block(struct parity_scene *scene, uint32_t i)
{
	memset(scene->memory + (size_t)i * PARITY_BLOCK, 0, PARITY_BLOCK);
	scene->offsets[i] =
		rounds_random(&scene->random) % (BLOCKS - 1) * PARITY_BLOCK + PARITY_BLOCK;
	return true;
}

static bool connect_one(struct parity_scene *scene, uint32_t i)
{
	scene->peers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return scene->peers[i] >= 0 &&
	       !connect(scene->peers[i], (const struct sockaddr *)&scene->address,
			scene->address_bytes);
}

/* Nothing comes. */
static bool keep_silent(struct parity_scene *scene, uint32_t i)
{
	(void)scene;
	(void)i;
	return true;
}

bool parity_scene_prepare(struct parity_scene *scene)
{
	static bool (*const prepares[PARITY_WORKLOADS])(struct parity_scene * scene, uint32_t i) = {
		send_message,
		choose_block,
		connect_one,
		keep_silent,
	};
	bool good = true;

	scene->number++;
	scene->given_up = 0;
	for (uint32_t i = 0; i < scene->count && good; i++)
		good = prepares[scene->workload](scene, i);
	return good;
}

static bool check_message(struct parity_scene *scene, uint32_t i)
{
	unsigned char back[2 * PARITY_MESSAGE], sent[PARITY_MESSAGE];

	memset(sent, scene->number, sizeof(sent));
	return recv(scene->peers[i], back, sizeof(back), MSG_DONTWAIT) == PARITY_MESSAGE &&
	       !memcmp(back, sent, sizeof(sent));
}

static bool check_block(struct parity_scene *scene, uint32_t i)
{
	return !pattern_block_wrong(scene->memory + (size_t)i * PARITY_BLOCK, PARITY_BLOCK,
				    scene->offsets[i]);
}

/* It was closed, and not only accepted. */
static bool check_closed(struct parity_scene *scene, uint32_t i)
{
	char byte;
	bool closed = recv(scene->peers[i], &byte, 1, MSG_DONTWAIT) == 0;

	close(scene->peers[i]);
	scene->peers[i] = -1;
	return closed;
}

static bool check_given_up(struct parity_scene *scene, uint32_t i)
{
	return i < scene->given_up;
}

bool parity_scene_check(struct parity_scene *scene)
{
	static bool (*const checks[PARITY_WORKLOADS])(struct parity_scene * scene, uint32_t i) = {
		check_message,
		check_block,
		check_closed,
		check_given_up,
	};
	bool good = true;

	for (uint32_t i = 0; i < scene->count; i++)
		good &= checks[scene->workload](scene, i);
	return good;
}
