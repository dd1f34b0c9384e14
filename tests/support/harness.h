/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_HARNESS_H
#define TESTS_SUPPORT_HARNESS_H

#include <check.h>
#include <duet/duet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * One suite, every backend.
 *
 * A case speaks only the common API. Before each one the stage is set: a loop on the arm in turn.
 * After it the stage is judged: nothing pending, nothing lent, nothing held, destroy answers 0
 * and no descriptor is left. The arm's name is the name of the Check case, and so part of every
 * failure. Cases that need real descriptors (a raw peer, ancillary data) run on the twins only.
 *
 * DUET_TEST_BACKENDS="polling reference"  only these arms; one of them refused is a failure
 * DUET_TEST_ALLOW_REFUSED=1               an arm that this machine refuses is reported, no failure
 * DUET_TEST_SEED=N                        what the reference backend draws from, default 1
 */
struct arm {
	const char *name;
	const struct duet_backend *(*backend)(void);
	const char *tuning;
	bool kernel; /* real descriptors, real time */
	bool ring;   /* understands entries=N */
};

struct stage {
	const struct arm *arm;
	struct duet_loop *loop;
	duet_handle listener; /* on loopback, made by the first pair_open() */
	struct sockaddr_in address;
	unsigned ends;        /* terminal completions heard */
	unsigned inside;      /* calls into start, cancel, return that have not come back */
	unsigned library;     /* 1: the library is running, not a callback and not the case */
	unsigned descriptors; /* before the loop was made */
	uint64_t turns;
};

extern struct stage stage;

#define CASES(...) ((const TTest *const[]){ __VA_ARGS__, NULL })

/* Runs the cases of a contract suite on every arm; twins (may be NULL) only on those with a
 * kernel. The exit status for main(). */
int contract_run(const char *suite, const TTest *const *everywhere, const TTest *const *twins);

/* The same on those and on an eager reactor, polling-eager: its promises are the contract's but for what
 * a cancel leaves in the socket. rings (may be NULL) only where there is a queue to the kernel. */
int hazards_run(const char *suite, const TTest *const *everywhere, const TTest *const *twins,
		const TTest *const *rings);

/* The arms that run here, for what holds them against each other: how many. */
size_t arms_here(const struct arm **here, size_t max);

/* Runs cases that make their own loops, or need none. */
int plain_run(const char *suite, const TTest *const *cases);

/* Another loop in place of the stage's, with other options; ring_tuning is added on the ring. */
void stage_reopen(const struct duet_loop_options *options, const char *ring_tuning);
/* What is judged after each case, for one that goes on to something else. */
void stage_judge(void);

/* One turn that waits for a moment, and n turns that don't wait. */
int stage_turn(void);
void stage_settle(unsigned turns);
void stage_dump(void);

unsigned descriptors_open(void);
/* Waits until the monotonic clock has passed, not for anybody: 1 ms is enough to be late. */
void clock_pass(uint64_t until_ns);
uint64_t clock_ns(void);
unsigned patience_factor(void);

struct patience {
	uint64_t until_ns;
	uint64_t turns;
};

void patience_begin(struct patience *patience);
/* A turn, or the failure of the case if it takes too long. */
void patience_turn(struct patience *patience, const char *what, const char *file, int line);

/* Takes turns until the condition holds. */
#define turn_until(condition)                                                                      \
	do {                                                                                       \
		struct patience patience_;                                                         \
		patience_begin(&patience_);                                                        \
		while (!(condition))                                                               \
			patience_turn(&patience_, #condition, __FILE__, __LINE__);                 \
	} while (0)

/* ---- An operation under test, and what was heard of it. ---- */

struct trial {
	struct duet_op op;
	unsigned ends;  /* terminal completions */
	unsigned items; /* interim completions */
	unsigned rank;  /* the how-many-th end of the case this was, from 1 */
	uint64_t turn;  /* in which turn it ended */
	/* Called for each completion, with its fields in op; NULL: nobody. */
	void (*then)(struct trial *trial);
	void *context;
	unsigned char own[8]; /* memory that no other operation writes to */
};

void trial_init(struct trial *trial);
/* duet_op_start(), watched: nothing is called from inside it. */
int trial_try(struct trial *trial);
void trial_start(struct trial *trial);
void trial_cancel(struct trial *trial);
/* Starts, waits for the end, and gives the result. */
int trial_run(struct trial *trial);
const char *trial_text(const struct trial *trial);

static inline bool trial_is(const struct trial *trial, int result,
			    enum duet_disposition disposition, enum duet_cause cause)
{
	return trial->ends == 1 && trial->op.result == result &&
	       trial->op.disposition == (uint8_t)disposition && trial->op.cause == (uint8_t)cause;
}

/* It ended once, so. */
#define expect(trial, result_, disposition_, cause_)                                               \
	ck_assert_msg(trial_is(trial, result_, disposition_, cause_),                              \
		"on %s: %s; expected result %ld, %s, cause %s", stage.arm->name,                   \
		trial_text(trial), (long)(result_), duet_disposition_name(disposition_),           \
		duet_cause_name(cause_))

#define await(trial) turn_until((trial)->ends > 0)

/* ---- Futures polled by hand. ---- */

static inline struct duet_context context_of(struct duet_waker *waker)
{
	struct duet_context context = { NULL, stage.loop, waker };

	return context;
}

static inline enum duet_readiness future_poll(struct duet_op_future *future,
					      struct duet_waker *waker)
{
	struct duet_context context = context_of(waker);

	return duet_op_future_poll(future, &context);
}

/* ---- Streams: both ends on the stage's loop. ---- */

void listener_open(duet_handle *listener, struct sockaddr_in *address);
void pair_open(duet_handle pair[2]);
void handle_close(duet_handle handle);
void pair_close(duet_handle pair[2]);

/* Whole transfers, waited for. */
void stream_send(duet_handle handle, const void *data, size_t bytes);
void stream_recv(duet_handle handle, void *data, size_t bytes);
/* What is there until nothing comes for a while or the stream ends: how many bytes. */
size_t stream_drain(duet_handle handle, unsigned char *data, size_t max_bytes);
/* The byte at a place of the test pattern. */
unsigned char pattern_byte(size_t place);
void pattern_fill(unsigned char *data, size_t bytes, size_t place);
bool pattern_holds(const unsigned char *data, size_t bytes, size_t place);
/* More than any socket takes in: sending all of it waits for a reader. */
#define STUCK_BYTES ((size_t)24 << 20)
/* A send that has moved something and waits for its reader. data has STUCK_BYTES bytes. */
void trial_stick(struct trial *trial, duet_handle handle, const unsigned char *data);

/* ---- Twins only: the other end is a plain descriptor. ---- */

/* A TCP connection: one end on the loop, the other raw (and blocking). */
void raw_pair(duet_handle *handle, int *raw);
int raw_connect(void);
/* A socketpair: one end on the loop. */
void raw_unix(int type, duet_handle *handle, int *raw);
/* Small socket buffers, so that little is stuck quickly. */
void raw_shrink(int fd);
void raw_send(int fd, const void *data, size_t bytes);
/* Takes n bytes from the raw end. */
void raw_recv(int fd, void *data, size_t bytes);
/* Closes with a reset instead of an end of stream. */
void raw_reset(int fd);

/* ---- Files. ---- */

/* A path that no file has yet, in a directory that is removed when the case is over. */
const char *file_path(const char *name);
/* Opens through the loop, failing the case if that fails. */
duet_handle file_open(const char *path, int flags);
void file_write(duet_handle handle, const void *data, size_t bytes, uint64_t offset);
int file_read(duet_handle handle, void *data, size_t bytes, uint64_t offset);
/* A file filled with the pattern, closed again. */
void file_make(const char *path, size_t bytes);

#endif
