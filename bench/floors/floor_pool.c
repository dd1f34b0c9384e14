/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One queue of jobs and one of results under one lock. The loop sleeps in epoll_wait, as one that
 * also serves sockets must, and is woken by an eventfd: written by the first worker that has a
 * result since the loop looked last, and never read, since the registration is edge-triggered.
 */
#include "floor_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The loop's until it is queued, a worker's until it is finished. */
struct job {
	struct job *next;
	char *memory;
	uint32_t block;
	ssize_t result;		/* bytes or -errno */
};

struct line {
	struct job *first;
	struct job *last;
};

struct floor_pool {
	struct file_shape shape;
	uint64_t random;
	uint64_t left;		/* reads not yet begun */
	uint32_t open;		/* begun and not yet collected */
	char *memory;
	struct job *all;
	int epoll;
	int event;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct line jobs;	/* under lock, as all below */
	struct line finished;
	bool told;		/* the loop is being woken for what is finished */
	bool ending;
	uint32_t thread_count;	/* the loop's: those that run */
	pthread_t threads[];
};

static void push(struct line *line, struct job *job)
{
	job->next = NULL;
	if (line->first)
		line->last->next = job;
	else
		line->first = job;
	line->last = job;
}

static struct job *pop(struct line *line)
{
	struct job *job = line->first;

	if (job)
		line->first = job->next;
	return job;
}

static struct job *next_job(struct floor_pool *self)
{
	struct job *job;

	pthread_mutex_lock(&self->lock);
	while (!(job = pop(&self->jobs)) && !self->ending)
		pthread_cond_wait(&self->work, &self->lock);
	pthread_mutex_unlock(&self->lock);
	return job;
}

static void wake_loop(struct floor_pool *self)
{
	uint64_t one = 1;

	/* The counter cannot overflow, so there is nothing that this could fail with. */
	if (write(self->event, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void *worker(void *arg)
{
	struct floor_pool *self = arg;
	const uint32_t bytes = self->shape.block_bytes;
	struct job *job;

	while ((job = next_job(self))) {
		bool tell;

		job->result = pread(self->shape.fd, job->memory, bytes,
				    (off_t)job->block * bytes);
		if (job->result < 0)
			job->result = -errno;
		pthread_mutex_lock(&self->lock);
		push(&self->finished, job);
		tell = !self->told;
		self->told = true;
		pthread_mutex_unlock(&self->lock);
		if (tell)
			wake_loop(self);
	}
	return NULL;
}

static void destroy(void *arg)
{
	struct floor_pool *self = arg;

	pthread_mutex_lock(&self->lock);
	self->ending = true;
	pthread_cond_broadcast(&self->work);
	pthread_mutex_unlock(&self->lock);
	for (uint32_t index = 0; index < self->thread_count; index++)
		pthread_join(self->threads[index], NULL);
	if (self->epoll >= 0)
		close(self->epoll);
	if (self->event >= 0)
		close(self->event);
	pthread_cond_destroy(&self->work);
	pthread_mutex_destroy(&self->lock);
	free(self->all);
	free(self->memory);
	free(self);
}

static int open_event(struct floor_pool *self)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self->epoll < 0 || self->event < 0 ||
	    epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->event, &event))
		return -errno;
	return 0;
}

static int make_jobs(struct floor_pool *self)
{
	const struct file_shape *shape = &self->shape;

	self->memory = aligned_alloc(4096, (size_t)shape->depth * shape->block_bytes);
	self->all = calloc(shape->depth, sizeof(*self->all));
	if (!self->memory || !self->all)
		return -ENOMEM;
	for (uint32_t index = 0; index < shape->depth; index++)
		self->all[index].memory = self->memory + (size_t)index * shape->block_bytes;
	return 0;
}

static void *create(const struct file_shape *shape)
{
	struct floor_pool *self =
		calloc(1, sizeof(*self) + shape->threads * sizeof(self->threads[0]));
	int rc;

	if (!self)
		return NULL;
	self->shape = *shape;
	self->random = 1;
	self->epoll = -1;
	self->event = -1;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->work, NULL);
	rc = open_event(self);
	if (rc == 0)
		rc = make_jobs(self);
	while (rc == 0 && self->thread_count < shape->threads) {
		rc = -pthread_create(&self->threads[self->thread_count], NULL, worker, self);
		self->thread_count += rc == 0;
	}
	if (rc < 0) {
		destroy(self);
		errno = -rc;
		return NULL;
	}
	return self;
}

static void begin(struct floor_pool *self, struct job *job)
{
	job->block = file_block_draw(&self->random, self->shape.block_count);
	self->left--;
	self->open++;
	pthread_mutex_lock(&self->lock);
	push(&self->jobs, job);
	pthread_cond_signal(&self->work);
	pthread_mutex_unlock(&self->lock);
}

static int end(struct floor_pool *self, struct job *job)
{
	const uint32_t bytes = self->shape.block_bytes;

	self->open--;
	if (job->result != (ssize_t)bytes)
		return job->result < 0 ? (int)job->result : -EIO;
	if (!file_block_right(job->memory, bytes, job->block))
		return -EBADMSG;
	if (self->left > 0)
		begin(self, job);
	return 0;
}

static int turn(struct floor_pool *self)
{
	struct epoll_event event;
	struct line finished;
	struct job *job;
	int error = 0;

	if (epoll_wait(self->epoll, &event, 1, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	pthread_mutex_lock(&self->lock);
	finished = self->finished;
	self->finished.first = NULL;
	self->told = false;
	pthread_mutex_unlock(&self->lock);
	while ((job = pop(&finished))) {
		int rc = end(self, job);

		if (rc < 0)
			error = rc;
	}
	return error;
}

static int read_blocks(void *arg, uint64_t count)
{
	struct floor_pool *self = arg;
	int error = 0;

	self->left = count;
	for (uint32_t index = 0; index < self->shape.depth && self->left > 0; index++)
		begin(self, &self->all[index]);
	while (self->open > 0) {
		int rc = turn(self);

		if (rc < 0) {
			error = rc;
			self->left = 0;
		}
	}
	return error;
}

const struct file_engine floor_pool_engine = {
	.name = "floor-pool",
	.create = create,
	.read = read_blocks,
	.destroy = destroy,
};
