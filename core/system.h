/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_SYSTEM_H
#define CORE_SYSTEM_H

#include <sys/socket.h>

#include "core/loop.h"

/* What a foreign descriptor turns out to be. */
struct core_descriptor {
	bool is_socket;
	bool listens;
	uint8_t nonblocking;
	int domain;
	int type;
	enum core_class file_class;
};

/* 0 or -EBADF. */
int core_system_describe(struct duet_loop *loop, int fd, struct core_descriptor *found);

/* CLASS_FILE for regular files and block devices, else CLASS_OTHER. */
enum core_class core_system_class_of_file(struct duet_loop *loop, int fd);

/* 0 or -errno. */
int core_system_pipe(struct duet_loop *loop, int fds[2]);

void core_system_reuse_address(struct duet_loop *loop, int fd);

int core_system_set_option(struct duet_loop *loop, int fd, int level, int name, const void *value,
			   socklen_t length);
int core_system_option(struct duet_loop *loop, int fd, int level, int name, void *value,
		       socklen_t *length);
/* Of the socket, or of its peer. */
int core_system_address(struct duet_loop *loop, int fd, bool peer, struct sockaddr *address,
			socklen_t *length);

/* The address inside a bind that ended, cut to length. */
void core_system_copy_address(const struct duet_op *op, struct sockaddr *address,
			      socklen_t length);

/* The monotonic clock. */
uint64_t core_system_clock_ns(struct duet_loop *loop);

#endif
