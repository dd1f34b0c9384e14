#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# The careless program loses bytes on the plain ring and none on the reactor.
set -u
"$1" | awk '
	$1 == "polling" && $2 != 0 { bad = 1 }
	$1 == "completion" && $2 == 0 { bad = 1 }
	{ print }
	END { exit bad }'
