#!/bin/sh
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# Who may include whom: core nothing of the others, a backend and the laboratory only core and
# themselves, users (compare, examples, bench, the twins' player) public headers and their own
# folder. Exceptions stand in include.allow as "FILE HEADER".

. "$(dirname "$0")/lib.sh"

list=$(mktemp) || exit 1
trap 'rm -f "$list"' EXIT
allowed include.allow >"$list"

c_files core completion polling reference laboratory compare examples bench | code |
	awk -F : -v list="$list" '
	BEGIN {
		while ((getline entry < list) > 0)
			permitted[entry] = 1
		backend["completion"] = backend["polling"] = backend["reference"] = 1
		backend["laboratory"] = 1 # it stands beside them, on core alone
		top["core"] = top["compare"] = top["examples"] = top["bench"] = top["tests"] = 1
	}

	# The top folder a header belongs to, "?" if it is not spelled from the top.
	function owner(header, angled, base) {
		base = substr(header, 1, index(header, "/") - 1)
		if (!angled)
			return (base in top) || (base in backend) ? base : "?"
		if (header !~ /^duet\//)
			return header ~ /^liburing/ ? "liburing" : "system"
		base = substr(header, 6)
		sub(/\.h(pp)?$/, "", base)
		return (base in backend) ? base : "core"
	}

	function complain(what) {
		if (!((file " " header) in permitted))
			print file ":" $2 ": includes " spelled what
	}

	$3 ~ /^[ \t]*#[ \t]*include/ {
		file = $1
		match($3, /[<"][^>"]*[>"]/)
		spelled = substr($3, RSTART, RLENGTH)
		header = substr(spelled, 2, length(spelled) - 2)
		angled = spelled ~ /^</
		public = angled && header ~ /^duet\//
		mine = substr(file, 1, index(file, "/") - 1)
		player = file ~ /^reference\/twins\//
		theirs = owner(header, angled)

		if (header ~ /(^|\/)\.\.?(\/|$)/)
			complain("; spell it without \"..\" and \".\": a path has one name")
		else if (theirs == "?" && mine !~ /^(core|completion|polling|reference|laboratory)$/)
			next # a neighbour; only the library insists on the folder
		else if (theirs == "?" && header ~ /^duet\//)
			complain("; spell it <" header ">")
		else if (theirs == "?")
			complain(" without its folder; spell it \"" mine "/" header "\"")
		else if (theirs == "liburing" && (mine == "core" || mine == "polling" ||
				mine == "reference" || mine == "laboratory" || mine == "compare" || mine == "examples" ||
				file ~ /\/duet\//))
			complain("; only completion and the hand-written floors know liburing")
		else if (theirs == "system" || theirs == "liburing")
			next
		else if (mine == "core" && theirs != "core")
			complain("; core is the ground floor: move what it needs into core")
		else if ((mine in backend) && !player && theirs != mine && theirs != "core")
			complain("; a backend includes core and itself, never " theirs)
		else if (mine == "compare" && (theirs in backend) && theirs != "laboratory")
			complain("; only the file that turns a name into a backend may know one" \
				" (tests/lint/include.allow)")
		else if ((mine !~ /^(core|completion|polling|reference|laboratory)$/ || player) && !public &&
				theirs != mine)
			complain("; use the public headers <duet/...>")
	}' | verdict
