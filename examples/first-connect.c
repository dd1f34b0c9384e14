/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * Connects to the first of several addresses that answers, in the manner of happy eyeballs:
 *
 *	first-connect MILLISECONDS ADDRESS:PORT...
 *
 * Each socket is registered to be closed in the step that makes it, so whatever happens (one wins, all
 * fail, time is up), nothing is left open but the winner's.
 */
#include <arpa/inet.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDRESSES = 8 };

struct attempt {
	struct duet_cleanup cleanup; /* first: the step is its attempt */
	struct duet_member closing;
	struct duet_op op; /* socket, connect, close */
	duet_handle handle;
	const char *name;
};

static struct attempt attempts[ADDRESSES], *winner;
static struct duet_branch branches[ADDRESSES];
static struct duet_scope scope; /* the sockets live in it, and behind it only the winner's */
static struct duet_group race;

static void close_loser(struct duet_scope *in, struct duet_cleanup *cleanup)
{
	struct attempt *attempt = (void *)cleanup;

	if (attempt == winner)
		return;
	duet_op_close(&attempt->op, attempt->handle);
	duet_scope_start(in, &attempt->closing, &attempt->op);
	printf("%s: closed\n", attempt->name);
}

static int begin(struct duet_loop *loop, struct attempt *attempt, char *name)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char host[16];
	unsigned port;

	if (sscanf(name, "%15[0-9.]:%5u", host, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return fprintf(stderr, "'%s' is no address as 192.0.2.1:80\n", name);
	address.sin_port = htons((in_port_t)port);
	attempt->name = name;
	duet_op_init(&attempt->op, NULL, NULL);
	duet_op_socket(&attempt->op, AF_INET, SOCK_STREAM, 0);
	duet_op_inline(&attempt->op); /* of a socket it is always taken */
	if (duet_op_start(loop, &attempt->op) != 1 || attempt->op.result)
		return fprintf(stderr, "no socket for %s\n", name);
	attempt->handle = attempt->op.made;
	attempt->cleanup.run = close_loser;
	duet_scope_defer(&scope, &attempt->cleanup);
	duet_op_connect(&attempt->op, attempt->handle, (void *)&address, sizeof(address));
	return 0;
}

static void raced(struct duet_group *group)
{
	for (int i = 0; i < ADDRESSES && branches[i].op; i++)
		printf("%s: %s\n", attempts[i].name,
		       duet_disposition_name((enum duet_disposition)attempts[i].op.disposition));
	if (group->winner)
		winner = &attempts[group->winner - branches];
	duet_scope_join(&scope, NULL);
}

int main(int argc, char **argv)
{
	struct duet_loop *loop;
	int count = argc - 2;

	if (count < 1 || count > ADDRESSES || duet_loop_create(&loop, duet_polling(), NULL) ||
	    duet_scope_open(&scope, loop, NULL, NULL)) {
		fprintf(stderr, "usage: first-connect MILLISECONDS ADDRESS:PORT... (1 to 8)\n");
		return 2;
	}
	duet_scope_within(&scope, strtoull(argv[1], NULL, 10) * 1000000);
	for (int i = 0; i < count; i++) {
		branches[i].op = &attempts[i].op;
		if (begin(loop, &attempts[i], argv[i + 2]))
			return 2;
	}
	duet_race(&race, loop, &scope, NULL, branches, (unsigned)count, raced);
	duet_loop_run(loop);
	printf("%s\n", winner ? winner->name : duet_error_name(race.scope.result));
	return duet_loop_destroy(loop) || !winner;
}
