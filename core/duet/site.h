/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SITE_H
#define DUET_SITE_H

/* A place in the source, for people. */
struct duet_site {
	const char *file; /* there as long as the program */
	int line;
};

/* This place in the source. */
#define DUET_HERE                                                                                  \
	(__extension__({                                                                           \
		static const struct duet_site duet_here = {__FILE__, __LINE__};                    \
		&duet_here;                                                                        \
	}))

#endif
