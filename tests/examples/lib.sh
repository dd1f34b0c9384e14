# shellcheck shell=sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# What the scripts of the examples share. They stand in the root of the tree.

set -u
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

give_up() # WHAT
{
	echo "$1" >&2
	exit 1
}

# Builds a changed example as a reader of it would.
rebuild() # SOURCE PROGRAM [FLAG...]
{
	source=$1
	program_made=$2
	shift 2
	# pkg-config gives a list: it is meant to split.
	# shellcheck disable=SC2046
	"${CC:-gcc}" -std=gnu11 -Icore -Icompletion -Ipolling -Ilaboratory "$@" \
		-o "$program_made" "$source" \
		"$DUET_BUILD/lib/libduet-laboratory.a" "$DUET_BUILD/lib/libduet-completion.a" \
		"$DUET_BUILD/lib/libduet-polling.a" "$DUET_BUILD/lib/libduet.a" -pthread $(pkg-config --libs liburing)
}
