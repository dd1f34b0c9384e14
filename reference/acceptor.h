/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_ACCEPTOR_H
#define REFERENCE_ACCEPTOR_H

#include <stddef.h>

#include "reference/script.h"
#include "reference/trace.h"

/*
 * The referee. It knows the contract, the script and what was seen; it doesn't know who played.
 *
 * Both return 0, or -1 and one sentence that names the rule, the operation and the figures.
 */

/* Does the contract allow this trace of this script? */
int acceptor_judge(const struct script *script, const struct trace *trace, char *complaint,
		   size_t size);

/* Two players of a calm script must agree on every operation's disposition, cause,
 * result and bytes. */
int acceptor_compare(const struct script *script, const struct trace *one,
		     const struct trace *other, char *complaint, size_t size);

#endif
