/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_WORKLOADS_NAMELESS_H
#define COMPARE_WORKLOADS_NAMELESS_H

/* A file without a name in a folder; where the file system can't, one that loses its name at once. The
 * descriptor, or -errno. */
int nameless_open(const char *folder);

#endif
