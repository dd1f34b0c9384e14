/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_API_H
#define DUET_API_H

#define DUET_VERSION_MAJOR 0
#define DUET_VERSION_MINOR 1
#define DUET_VERSION_PATCH 0
#define DUET_VERSION_STRING "0.1.0"

/* The libraries are built with hidden visibility: what carries this mark is the interface. */
#define DUET_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is linked, as DUET_VERSION_STRING is that of the headers. */
DUET_API const char *duet_version(void);

#ifdef __cplusplus
}
#endif

#endif
