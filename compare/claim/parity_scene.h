/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is played in the common API and in a dialect alike: the other ends, what they send, and
 * whether it came to what it should. One thread is both ends. */
#ifndef COMPARE_CLAIM_PARITY_SCENE_H
#define COMPARE_CLAIM_PARITY_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "compare/laboratory/mechanism.h"

enum parity_workload {
	PARITY_ECHO,  /* a message on each connection is said back */
	PARITY_FILE,  /* a block each, of a file in the page cache */
	PARITY_CHURN, /* connections are accepted and closed */
	PARITY_CANCEL, /* a message is waited for on each connection, and given up */
	PARITY_WORKLOADS,
};

enum { PARITY_MESSAGE = 64, PARITY_BLOCK = 4096 };

struct parity_scene {
	enum parity_workload workload;
	uint32_t count; /* of a batch: connections or blocks */
	uint64_t random;
	unsigned char number; /* of the batch, in each byte of a message */
	int *ends;            /* echo, cancel: the player's; it is to set those to -1 that it closes */
	int *peers;           /* echo, churn, cancel: ours */
	uint32_t given_up;    /* cancel: of this batch, as the player counts them */
	int listener;         /* churn: not blocking; the player's, as the ends */
	int file;
	uint64_t *offsets;     /* file: of this batch */
	unsigned char *memory; /* file: a block each, aligned to one */
	struct sockaddr_un address;
	socklen_t address_bytes;
};

/* One way to play a workload. A batch is prepared and checked by the scene, outside of what is
 * measured. */
struct parity_player {
	/* 0 and *self, or a negative errno; *self is to be ended in both cases, unless it is
	 * NULL. */
	int (*begin)(struct parity_scene *scene, const struct mechanism *mechanism, void **self);
	bool (*act)(void *self);             /* one batch, to its end */
	uint64_t (*calls)(const void *self); /* system calls until now */
	void (*end)(void *self);
};

extern const struct parity_player PARITY_COMMON[PARITY_WORKLOADS], PARITY_POLLING[PARITY_WORKLOADS],
	PARITY_RING[PARITY_WORKLOADS];

const char *parity_workload_name(enum parity_workload workload);

/* 0 or a negative errno; parity_scene_end() in both cases. */
int parity_scene_begin(struct parity_scene *scene, enum parity_workload workload, uint32_t count,
		       uint64_t seed);
bool parity_scene_prepare(struct parity_scene *scene);
bool parity_scene_check(struct parity_scene *scene);
void parity_scene_end(struct parity_scene *scene);

#endif
