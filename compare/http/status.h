/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_HTTP_STATUS_H
#define COMPARE_HTTP_STATUS_H

/* The words for a status of HTTP that we give. */
const char *status_reason(int status);

#endif
