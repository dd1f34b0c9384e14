#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Core knows no mechanism and no backend by name, not even in a comment: what is said there must hold
# for all of them. "completion" alone is the English word, how an operation ends; it names the
# backend in the company of another word or an underscore. So does "reference".

. "$(dirname "$0")/lib.sh"

# What a mechanism is called, by itself.
mechanism='epoll|(io_|lib)?uring|proactor|reactor|[sc]qes?|(submission|completion) queues?'
mechanism="$mechanism|(the|a|provided) ring"
# What a backend is called: its functions, its header, its library, its word.
backend='duet_(completion|polling|reference)|(completion|polling|reference)_[a-z0-9_]+'
backend="$backend|duet/(completion|polling|reference)\\.h|(lib)?duet-(completion|polling|reference)"
backend="$backend|polling|(the|a|on|in) (completion|reference) (backend|twin)"
backend="$backend|(completion|reference)/[a-z_]+\\.[ch]"

c_files core | xargs -r grep -HniE "(^|[^a-z0-9_])($mechanism|$backend)([^a-z0-9_]|\$)|epoll_|io_uring" |
	sed -e 's/^\([^:]*:[0-9]*\):.*/\1: core names a mechanism or a backend; say what holds on all, or move it to the backend/' |
	verdict
