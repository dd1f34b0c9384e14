#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# In the library one file touches the rings, one registers with epoll, and they are known by name:
# whoever reads them has read all there is.

. "$(dirname "$0")/lib.sh"

only_in() # FILE PATTERN WHAT
{
	c_files core completion polling reference laboratory | grep -vx "$1" | code |
		grep -E "^[^:]*:[0-9]*:.*($2)" |
		sed -e "s|^\([^:]*:[0-9]*\):.*|\1: $3 outside $1; add a function there and call it|"
}

ring='io_uring_(get_sqe|submit[a-z_]*|peek_cqe|peek_batch_cqe|wait_cqe[a-z_]*|for_each_cqe'
ring="$ring|cq_advance|cqe_seen|cq_ready|sq_ready|sq_space_left|enter[0-9]*)[ \t]*\\("

{
	only_in polling/interest.c 'epoll_ctl[ \t]*\(' 'calls epoll_ctl'
	only_in completion/ring.c "$ring" 'touches a ring'
} | verdict
