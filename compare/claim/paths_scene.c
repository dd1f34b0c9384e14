/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/paths_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/sample.h"
#include "compare/measure/window.h"

/* Of a batch: as many messages are there when the ring looks. */
enum { ENTRIES = 64, BATCH = 8, BUFFERS = 64, GROUP = 1, FILE_BYTES = 4 << 20, MEMORY = 4 << 20 };

/* Linux 6.10, which the headers of 6.1 lack. */
#define BUNDLE (1U << 4)

struct scene {
	struct io_uring ring, other;
	bool other_open, armed, registered, zero_copy, bundle;
	int fds[2];
	int eventfd;
	uint32_t size, at;
	unsigned char *memory;
	struct io_uring_buf_ring *group;
	unsigned short provided;
	uint64_t completions;
	int error;
};

/* ---- What happens in the ring. ---- */

static int submit(struct scene *scene, unsigned int wanted)
{
	int count = io_uring_submit_and_wait(&scene->ring, wanted);

	return count < 0 ? count : 0;
}

static struct io_uring_cqe *next(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	return io_uring_wait_cqe(ring, &cqe) ? NULL : cqe;
}

/* One result, which may come in two parts: of a send without a copy. */
static int take(struct scene *scene)
{
	struct io_uring_cqe *cqe;
	int result = 0;
	bool more;

	do {
		cqe = next(&scene->ring);
		if (!cqe)
			return -EIO;
		more = cqe->flags & IORING_CQE_F_MORE;
		if (!(cqe->flags & IORING_CQE_F_NOTIF))
			result = cqe->res;
		io_uring_cqe_seen(&scene->ring, cqe);
		scene->completions++;
	} while (more && scene->zero_copy);
	return result;
}

/* ---- Receives: a batch of messages is there, and each has `size` bytes. ---- */

static void write_batch(struct scene *scene)
{
	for (int i = 0; i < BATCH; i++) {
		if (write(scene->fds[1], scene->memory, scene->size) != (ssize_t)scene->size)
			scene->error = -EIO;
	}
}

static int lent(struct scene *scene)
{
	int result;

	write_batch(scene);
	for (int i = 0; i < BATCH && !scene->error; i++) {
		io_uring_prep_recv(io_uring_get_sqe(&scene->ring), scene->registered ? 0 : scene->fds[0],
				   scene->memory + MEMORY / 2, scene->size, 0);
		if (scene->registered)
			scene->ring.sq.sqes[(scene->ring.sq.sqe_tail - 1) &
					    *scene->ring.sq.kring_mask]
				.flags |= IOSQE_FIXED_FILE;
		submit(scene, 1);
		result = take(scene);
		if (result != (int)scene->size)
			return result < 0 ? result : -EBADMSG;
	}
	return scene->error;
}

static void give_back(struct scene *scene, unsigned short id)
{
	io_uring_buf_ring_add(scene->group, scene->memory + MEMORY / 2 + id * scene->size,
			      scene->size, id, BUFFERS - 1, 0);
	io_uring_buf_ring_advance(scene->group, 1);
}

static void arm(struct scene *scene, bool multishot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->ring);

	io_uring_prep_recv(sqe, scene->fds[0], NULL, multishot ? 0 : scene->size, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	if (multishot)
		sqe->ioprio |= IORING_RECV_MULTISHOT;
	if (scene->bundle)
		sqe->ioprio |= BUNDLE;
}

/* The buffers of a completion, one behind the other from the one that it names. */
static int take_buffers(struct scene *scene, uint32_t *received)
{
	struct io_uring_cqe *cqe = next(&scene->ring);
	uint32_t count;
	unsigned short id;
	int result;

	if (!cqe)
		return -EIO;
	result = cqe->res;
	id = (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	scene->armed = cqe->flags & IORING_CQE_F_MORE;
	io_uring_cqe_seen(&scene->ring, cqe);
	scene->completions++;
	if (result <= 0)
		return result ? result : -EIO;
	count = ((uint32_t)result + scene->size - 1) / scene->size;
	for (uint32_t i = 0; i < count; i++)
		give_back(scene, (unsigned short)((id + i) & (BUFFERS - 1)));
	*received += (uint32_t)result;
	return 0;
}

static int pooled(struct scene *scene)
{
	uint32_t received = 0;
	int error = 0;

	write_batch(scene);
	while (!error && received < BATCH * scene->size) {
		arm(scene, false);
		submit(scene, 1);
		error = take_buffers(scene, &received);
	}
	return error ? error : scene->error;
}

static int multishot(struct scene *scene)
{
	uint32_t received = 0;
	int error = 0;

	write_batch(scene);
	while (!error && received < BATCH * scene->size) {
		if (!scene->armed)
			arm(scene, true);
		submit(scene, 1);
		error = take_buffers(scene, &received);
	}
	return error ? error : scene->error;
}

/* ---- Sends: what is sent is taken out at the other end, and looked at no further. ---- */

static int send_one(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->ring);
	size_t taken = 0;
	int result;

	if (scene->zero_copy)
		io_uring_prep_send_zc(sqe, scene->fds[0], scene->memory, scene->size, MSG_WAITALL, 0);
	else
		io_uring_prep_send(sqe, scene->fds[0], scene->memory, scene->size, MSG_WAITALL);
	submit(scene, 0);
	while (taken < scene->size) {
		ssize_t n = recv(scene->fds[1], scene->memory + MEMORY / 2, MEMORY / 2, MSG_TRUNC);

		if (n <= 0)
			return n ? -errno : -EIO;
		taken += (size_t)n;
		/* What was put off goes on. */
		io_uring_get_events(&scene->ring);
	}
	result = take(scene);
	return result == (int)scene->size ? 0 : result < 0 ? result : -EBADMSG;
}

/* ---- Reads around the cache. ---- */

static int read_one(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->ring);
	uint64_t offset = (uint64_t)scene->at++ * scene->size % FILE_BYTES;
	int result;

	if (scene->registered)
		io_uring_prep_read_fixed(sqe, scene->fds[0], scene->memory, scene->size, offset, 0);
	else
		io_uring_prep_read(sqe, scene->fds[0], scene->memory, scene->size, offset);
	submit(scene, 1);
	result = take(scene);
	return result == (int)scene->size ? 0 : result < 0 ? result : -EBADMSG;
}

/* ---- Waking another ring. ---- */

static int wake_by_eventfd(struct scene *scene)
{
	uint64_t one = 1;
	struct io_uring_cqe *cqe;

	if (!scene->armed)
		io_uring_prep_poll_multishot(io_uring_get_sqe(&scene->other), scene->eventfd, POLLIN);
	if (!scene->armed)
		io_uring_submit(&scene->other);
	scene->armed = true;
	if (write(scene->eventfd, &one, sizeof(one)) != sizeof(one))
		return -errno;
	cqe = next(&scene->other);
	if (!cqe)
		return -EIO;
	scene->armed = cqe->flags & IORING_CQE_F_MORE;
	io_uring_cqe_seen(&scene->other, cqe);
	scene->completions++;
	return 0;
}

static int wake_by_message(struct scene *scene)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&scene->ring);
	struct io_uring_cqe *cqe;
	int result;

	io_uring_prep_msg_ring(sqe, scene->other.ring_fd, 0, 1, 0);
	submit(scene, 1);
	result = take(scene);
	if (result)
		return result;
	cqe = next(&scene->other);
	if (!cqe)
		return -EIO;
	io_uring_cqe_seen(&scene->other, cqe);
	return 0;
}

/* ---- A scene. ---- */

static int open_pair(struct scene *scene)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->fds) ? -errno : 0;
}

static int open_registered(struct scene *scene)
{
	int error = open_pair(scene);

	scene->registered = true;
	return error ? error : io_uring_register_files(&scene->ring, scene->fds, 1);
}

static int open_group(struct scene *scene)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS, .bgid = GROUP };
	int error = open_pair(scene);

	scene->group = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (scene->group == MAP_FAILED)
		scene->group = NULL;
	reg.ring_addr = (uintptr_t)scene->group;
	if (!error)
		error = scene->group ? io_uring_register_buf_ring(&scene->ring, &reg, 0) : -ENOMEM;
	for (unsigned short i = 0; i < BUFFERS && !error; i++)
		give_back(scene, i);
	return error;
}

static int open_bundle(struct scene *scene)
{
	scene->bundle = true;
	return open_group(scene);
}

static int open_tcp(struct scene *scene)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;

	scene->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || scene->fds[0] < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(scene->fds[0], (struct sockaddr *)&address, sizeof(address)) ||
	    (scene->fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		error = -errno;
	if (listener >= 0)
		close(listener);
	return error;
}

static int open_zero_copy(struct scene *scene)
{
	scene->zero_copy = true;
	return open_tcp(scene);
}

int paths_direct_file(void)
{
	const char *folder = getenv("TMPDIR");
	int fd = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int open_file(struct scene *scene)
{
	scene->fds[0] = paths_direct_file();
	if (scene->fds[0] < 0)
		return scene->fds[0];
	return pwrite(scene->fds[0], scene->memory, FILE_BYTES, 0) == FILE_BYTES ? 0 : -EIO;
}

static int open_fixed_file(struct scene *scene)
{
	const struct iovec buffer = { scene->memory, scene->size };
	int error = open_file(scene);

	scene->registered = true;
	return error ? error : io_uring_register_buffers(&scene->ring, &buffer, 1);
}

static int open_other(struct scene *scene)
{
	int error = io_uring_queue_init(ENTRIES, &scene->other,
					IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	scene->other_open = !error;
	scene->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return error ? error : scene->eventfd < 0 ? -errno : 0;
}

static const struct arm {
	const char *name;
	int (*open)(struct scene *scene);
	int (*play)(struct scene *scene);
	uint32_t operations; /* of one play */
	bool plain;          /* a ring without deferred task work */
} ARMS[] = {
	{ "lent", open_pair, lent, BATCH, false },
	{ "pooled", open_group, pooled, BATCH, false },
	{ "multishot", open_group, multishot, BATCH, false },
	{ "bundle", open_bundle, multishot, BATCH, false },
	{ "descriptor", open_pair, lent, BATCH, false },
	{ "registered", open_registered, lent, BATCH, false },
	{ "plain", open_group, multishot, BATCH, true },
	{ "deferred", open_group, multishot, BATCH, false },
	{ "eventfd", open_other, wake_by_eventfd, 1, false },
	{ "message", open_other, wake_by_message, 1, false },
	{ "copied", open_tcp, send_one, 1, false },
	{ "zero-copy", open_zero_copy, send_one, 1, false },
	{ "memory", open_file, read_one, 1, false },
	{ "registered memory", open_fixed_file, read_one, 1, false },
};

static const struct arm *arm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(ARMS) / sizeof(*ARMS); i++) {
		if (!strcmp(ARMS[i].name, name))
			return &ARMS[i];
	}
	return NULL;
}

static int measure(struct scene *scene, const struct arm *arm, uint32_t plays,
		   struct paths_result *result)
{
	/* The first tenth warms up. */
	uint32_t warm = plays / 10 + 1;
	uint64_t cpu_ns = 0, began_ns = 0;
	double operations = (double)plays * arm->operations;
	int error = 0;

	for (uint32_t i = 0; i < plays + warm && !error; i++) {
		if (i == warm) {
			scene->completions = 0;
			cpu_ns = sample_process_cpu_ns();
			began_ns = window_now_ns();
		}
		error = arm->play(scene);
	}
	result->cpu_ns = (double)(sample_process_cpu_ns() - cpu_ns) / operations;
	result->latency_ns = (double)(window_now_ns() - began_ns) / operations;
	result->completions = (double)scene->completions / operations;
	return error;
}

static void scene_close(struct scene *scene)
{
	for (int i = 0; i < 2; i++) {
		if (scene->fds[i] >= 0)
			close(scene->fds[i]);
	}
	if (scene->eventfd >= 0)
		close(scene->eventfd);
	if (scene->other_open)
		io_uring_queue_exit(&scene->other);
	io_uring_queue_exit(&scene->ring);
	/* An armed receive owns nothing: its buffers are the group's, which nothing fills any more. */
	if (scene->group)
		munmap(scene->group, BUFFERS * sizeof(struct io_uring_buf));
}

int paths_play(const char *name, uint32_t size_bytes, uint32_t operations,
	       struct paths_result *result)
{
	const struct arm *arm = arm_find(name);
	struct scene scene = { .fds = { -1, -1 }, .eventfd = -1, .size = size_bytes };
	unsigned int flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	int error;

	if (!arm || !size_bytes || size_bytes > MEMORY / 4)
		return -EINVAL;
	scene.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (scene.memory == MAP_FAILED)
		return -ENOMEM;
	error = io_uring_queue_init(ENTRIES, &scene.ring, arm->plain ? 0 : flags);
	if (!error) {
		error = arm->open(&scene);
		if (!error)
			error = measure(&scene, arm, operations / arm->operations + 1, result);
		scene_close(&scene);
	}
	munmap(scene.memory, MEMORY);
	return error;
}
