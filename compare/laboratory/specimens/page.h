/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* What is stated of the specimens, as the tables of docs/cancellation.md. */
#ifndef COMPARE_LABORATORY_SPECIMENS_PAGE_H
#define COMPARE_LABORATORY_SPECIMENS_PAGE_H

#include <stdio.h>

/* As "satisfied, posted"; "nowhere", "everywhere". */
void page_phases(FILE *out, unsigned int phases);

void page_policies(FILE *out);
void page_mistakes(FILE *out);

#endif
