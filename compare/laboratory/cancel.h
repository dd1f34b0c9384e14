/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Commands about cancelling. */
#ifndef COMPARE_LABORATORY_CANCEL_H
#define COMPARE_LABORATORY_CANCEL_H

/* duet cancel SUBJECT. An exit code. */
int cancel_command(int argc, char **argv);

#endif
