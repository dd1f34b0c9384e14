/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * A connection of the server of files, and the way of a request through it:
 *
 *   server.c  receives until a request is whole
 *   walk.c    opens what it names, folder by folder
 *   head.c    decides what is answered, and writes the head of it
 *   body.c    reads the file and sends it, two pieces in turn, until all is out
 *
 * Each calls the next when it is done; the last one says so to the first.
 */
#ifndef COMPARE_HTTP_CONNECTION_H
#define COMPARE_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "compare/door.h"
#include "compare/http/path.h"
#include "compare/http/range.h"
#include "compare/http/request.h"
#include "compare/http/server.h"

enum { DATA_MAX = 8 << 10, HEAD_MAX = 8 << 10, PIECE_BYTES = 16 << 10, PIECES = 2 };

/* A piece of a file: read into, then sent from, in turn. */
struct piece {
	uint32_t bytes; /* that are there to be sent; 0: it is empty */
	char data[PIECE_BYTES];
};

struct connection {
	struct guest guest;  /* its operation receives, or sends */
	struct duet_op work; /* opens, reads or closes: one after the other */
	struct http_server *server;

	/* What has come, of which first to end wasn't looked at yet. */
	char data[DATA_MAX];
	uint32_t first, end;
	uint64_t request_due_ns; /* 0: none has begun */
	struct request request;

	/* Where the walk stands. */
	struct path path;
	const char *name;         /* the next one that is opened */
	unsigned int left;        /* how many are, with it */
	bool index;               /* it is the one that stands for its folder */
	duet_handle folder, file; /* open, or none */

	/* The answer. */
	int status;
	struct stat stat;      /* of the file that it is of, or was to be */
	char head[HEAD_MAX];
	uint32_t head_bytes;   /* not sent yet; with a short body of our own behind it */
	uint64_t offset_bytes; /* of what is read next */
	uint64_t unread_bytes;
	uint64_t sent_bytes;
	struct piece pieces[PIECES];
	uint32_t reads, sends; /* begun so far: which piece is whose turn */
	bool reading, closing, sending;
	bool failed;           /* nothing more of it makes sense: the connection is ended */
};

struct http_server {
	struct door door;
	const struct http_options *options;
	struct connection *connections;
	int root;
	time_t dated; /* what date says */
	char date[DATE_BYTES];
	uint64_t requests, answered, refused, late, lost, cut, bytes;
};

/* What is whole is answered: status 0 asks for the file, else it is refused with that. */
void walk_begin(struct connection *connection);

/* The file of the answer is open, or there is none. */
void head_of_file(struct connection *connection);
void head_of_status(struct connection *connection, int status);

/* The head is written; unread_bytes of the file follow it. */
void body_begin(struct connection *connection);

/* All is out, or can't be: the file is closed, and nothing is under way. */
void connection_answered(struct connection *connection);

#endif
