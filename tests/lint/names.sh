#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Core knows no mechanism by name, not even in a comment: what is said there must hold for both.

. "$(dirname "$0")/lib.sh"

c_files core | xargs -r grep -HniE 'epoll|(^|[^a-z])(io_|lib)?uring' |
	sed -e 's/^\([^:]*:[0-9]*\):.*/\1: core names a mechanism; say what holds on both, or move it to the backend/' |
	verdict
