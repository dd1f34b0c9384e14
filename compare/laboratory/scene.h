/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One run of a cell: the target of the cancel, what it works on, and who stands around it. A scene is
 * opened once for all runs of a cell; each run begins and ends with as many descriptors and as much
 * memory as the other. */
#ifndef COMPARE_LABORATORY_SCENE_H
#define COMPARE_LABORATORY_SCENE_H

#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/msghdr.h>
#include <duet/operation.h>
#include <duet/scope.h>
#include <duet/splice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mechanism;
struct subject;

/* What must hold after every run, whatever came of the cancel. */
enum violation {
	VIOLATION_NO_END,      /* it never ended, also when what it waited for had come */
	VIOLATION_ENDS,        /* more than one terminal completion, or anything after it */
	VIOLATION_BYTES,       /* sent is not delivered + still readable + declared */
	VIOLATION_DATA,        /* a byte is not the one that was sent */
	VIOLATION_LATE_WRITE,  /* the buffer was written to after it had been given back */
	VIOLATION_CONNECTIONS, /* made is not delivered + still in the backlog + reclaimed */
	VIOLATION_EFFECT,      /* the disposition says other than what is to be seen */
	VIOLATION_DESCRIPTORS, /* not as many as before */
	VIOLATION_NUMBER,      /* its number wasn't free after the close, or hears of the old one */
	VIOLATION_POOL,        /* not full */
	VIOLATION_LOAN,        /* something is still lent, held or pending */
	VIOLATION_COUNT
};

const char *violation_name(enum violation violation);

enum { SCENE_BYTES_MAX = 1 << 20, SCENE_CLIENTS_MAX = 4, SCENE_POOL = 8, SCENE_PIECE = 4096 };

struct scene_moment {
	uint64_t ns, turns; /* since the request */
	bool reached;
};

struct scene {
	/* Of the cell. */
	const struct subject *subject;
	struct duet_loop *loop;
	struct duet_pool *pool;
	struct duet_pool *taken; /* to take buffers from, and to copy through */
	unsigned char *data; /* SCENE_BYTES_MAX, what is lent to the target */
	unsigned char *scratch; /* as large, for the other side */
	char path[128];      /* of the file that it works on, "" if none was made */
	uint64_t random;
	bool hands_over;     /* duet_loop_prepare() gives the kernel what was started */

	/* Of the run, all zero at its beginning. */
	struct {
		struct duet_op target, blocker, usher, closing;
		struct duet_member member;
		struct duet_scope scope;
		struct duet_cleanup cleanup;
		struct duet_closing scoped_closing;
		struct duet_msghdr header;
		_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
		duet_handle handle; /* what the target works on; none if it makes one */
		duet_handle made;   /* what it made */
		duet_handle output; /* the other one, of a splice: held is where that comes out */
		struct duet_splice splice;
		duet_handle usher_handle;
		int number;         /* the descriptor that is closed at the end, or -1 */
		int witness;        /* a duplicate: what was there stays to be seen after the close */
		int peer, usher_peer, held;
		int clients[SCENE_CLIENTS_MAX];
		pid_t process;      /* whose end is waited for */
		uint32_t descriptors;
		size_t lent_bytes;  /* of data: given back at the end */
		size_t blocker_bytes; /* lent to the one in front of it, if more than a byte */

		/* What came and went, as the script knows it. */
		uint64_t sent, delivered, readable, declared;
		uint32_t connections, accepted, waiting;

		uint64_t turns, request_turn, request_ns;
		struct scene_moment terminal, buffer, descriptor;
		uint32_t ends, items;
		int result;
		uint32_t transferred;
		uint8_t disposition, cause;
		bool ask_in_callback; /* the request comes from its first callback */
		bool scoped;          /* and the scope closes the handle */
		bool joined;
		bool asked, missed, satisfied, released;
		struct duet_stats before, at_end, after; /* the target's end; what was answered later */
		uint32_t violations;  /* a bit for each enum violation */
		char what[160];       /* the first of them, in words */
	} run;
};

/* 0 or -errno: the loop can't be had. */
int scene_open(struct scene *scene, const struct mechanism *mechanism,
	       const struct subject *subject, uint64_t seed);
/* -EBUSY: something is still in flight, and the memory that it may write to is kept. */
int scene_close(struct scene *scene);

/* 0 or -errno: what the target works on can't be had here. */
int scene_begin(struct scene *scene);
/* From the request to the end of the run: the target's end, the close, the number's next tenant, and
 * the accounts. */
void scene_finish(struct scene *scene);

/* ---- For phases. ---- */

int scene_turn(struct scene *scene, int64_t timeout_ns);
/* Starts the target; then what was started is with the kernel, or attempted. */
void scene_start(struct scene *scene);
void scene_hand_over(struct scene *scene);
bool scene_is_over(const struct scene *scene);
void scene_satisfy(struct scene *scene);
/* Until the loop would find something, without a turn. */
void scene_await_readiness(struct scene *scene);
/* The request. Counted as missed if the target has ended. */
void scene_request(struct scene *scene);
void scene_request_scope(struct scene *scene);
/* Another receive, which calls back in the turn after scene_usher_call() and requests then. */
bool scene_usher_arm(struct scene *scene);
void scene_usher_call(struct scene *scene);

/* ---- For subjects. ---- */

void scene_violation(struct scene *scene, enum violation violation, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint32_t scene_random(struct scene *scene, uint32_t below);
/* The pattern that all bytes are from, by their place in the stream. */
void scene_pattern(unsigned char *data, size_t bytes, uint64_t place);
bool scene_pattern_holds(const unsigned char *data, size_t bytes, uint64_t place);
/* Gives fd to the loop as what the target works on; a duplicate is kept. Takes it in any case. */
int scene_adopt(struct scene *scene, int fd);
void scene_lend(struct scene *scene, size_t bytes);

#endif
