/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One file into another, once. */
#ifndef COMPARE_COPY_FILE_H
#define COMPARE_COPY_FILE_H

#include "compare/copy/copy.h"
#include "compare/service.h"

/* From the loop's beginning, which is there, to its end. An exit code. */
int copy_to_file(struct service *service, const struct copy_options *options);

#endif
