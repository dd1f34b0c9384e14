/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * From the served folder to the file, one name after the other, each opened in the folder that is open:
 * nobody who moves folders about meanwhile can lead us out of it. Symbolic links are as if they weren't
 * there, wherever they point to, so that what is served is what stands in the folder. One open(2) for
 * all of a path could be led out by a link that is put in its way; openat2(2), which could forbid it,
 * is no operation yet.
 */
#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "compare/http/connection.h"

enum { MOVED = 301, FORBIDDEN = 403, NOT_FOUND = 404, FAILED = 500, SHORT = 503 };

static int status_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
		return NOT_FOUND;
	case -EACCES:
	case -EPERM:
	case -ENXIO: /* a socket */
		return FORBIDDEN;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS:
		return SHORT;
	default:
		return FAILED;
	}
}

static void open_next(struct connection *connection);

static bool is_open(duet_handle handle)
{
	return handle.generation != 0;
}

/* ---- Nothing can be opened, or not this. ---- */

static void on_left(struct duet_op *op)
{
	struct connection *connection = op->context;

	connection->folder = connection->file = DUET_HANDLE_NONE;
	head_of_status(connection, connection->status);
}

/* What is open is closed first: it is one at most. What can't even begin, as when all ends, is closed
 * with the loop. */
static void leave(struct connection *connection, int status)
{
	connection->status = status;
	connection->work.done = on_left;
	duet_op_close(&connection->work,
		      is_open(connection->file) ? connection->file : connection->folder);
	if ((!is_open(connection->file) && !is_open(connection->folder)) ||
	    duet_op_start(connection->server->door.loop, &connection->work))
		on_left(&connection->work);
}

/* ---- The way there. ---- */

/* A FIFO would have kept open(2) waiting for its writer. A file is read as usual: a file system that
 * can't read without waiting would else say again and again that it would have to. */
static void wait_as_usual(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void enter_folder(struct connection *connection)
{
	connection->folder = connection->file;
	connection->file = DUET_HANDLE_NONE;
	connection->index = true;
	connection->name = "index.html";
	connection->left = 1;
	open_next(connection);
}

/* fstat(2) of what is open waits for no disk. */
static void look(struct connection *connection)
{
	int fd = duet_handle_fd(connection->server->door.loop, connection->file);

	if (fstat(fd, &connection->stat)) {
		leave(connection, FAILED);
	} else if (S_ISREG(connection->stat.st_mode)) {
		wait_as_usual(fd);
		if (connection->path.folder && !connection->index)
			leave(connection, NOT_FOUND);
		else
			head_of_file(connection);
	} else if (!S_ISDIR(connection->stat.st_mode) || connection->index) {
		leave(connection, FORBIDDEN);
	} else if (!connection->path.folder) {
		leave(connection, MOVED);
	} else {
		enter_folder(connection);
	}
}

static void arrive(struct connection *connection)
{
	if (!connection->left) {
		look(connection);
		return;
	}
	connection->folder = connection->file;
	connection->file = DUET_HANDLE_NONE;
	connection->name += strlen(connection->name) + 1;
	open_next(connection);
}

static void on_folder_closed(struct duet_op *op)
{
	struct connection *connection = op->context;

	connection->folder = DUET_HANDLE_NONE;
	arrive(connection);
}

static void on_open(struct duet_op *op)
{
	struct connection *connection = op->context;

	if (op->result) {
		/* A folder without what stands for it isn't shown. */
		leave(connection, connection->index && op->result == -ENOENT ? FORBIDDEN
									     : status_of(op->result));
		return;
	}
	connection->file = op->made;
	connection->left--;
	if (!is_open(connection->folder)) {
		arrive(connection);
		return;
	}
	op->done = on_folder_closed;
	duet_op_close(op, connection->folder);
	if (duet_op_start(connection->server->door.loop, op))
		leave(connection, SHORT);
}

static void open_next(struct connection *connection)
{
	static const int ALWAYS = O_NOFOLLOW | O_CLOEXEC;
	struct duet_loop *loop = connection->server->door.loop;
	int folder = is_open(connection->folder) ? duet_handle_fd(loop, connection->folder)
						 : connection->server->root;

	connection->work.done = on_open;
	duet_op_open(&connection->work, folder, connection->name,
		     connection->left > 1 ? O_PATH | O_DIRECTORY | ALWAYS
					  : O_RDONLY | O_NONBLOCK | O_NOCTTY | ALWAYS, 0);
	if (duet_op_start(loop, &connection->work))
		leave(connection, SHORT);
}

void walk_begin(struct connection *connection)
{
	connection->folder = connection->file = DUET_HANDLE_NONE;
	connection->index = !connection->path.depth;
	connection->name = connection->index ? "index.html" : connection->path.names;
	connection->left = connection->index ? 1 : connection->path.depth;
	open_next(connection);
}
