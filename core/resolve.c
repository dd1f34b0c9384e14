/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/resolve.h"

#include <duet/resolve.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"

/*
 * Names to addresses. The call itself is an operation of its own, of the kind work, in memory of its own
 * together with what it is asked: so it may go on when the one that asked for it has ended, and is
 * counted and waited for as any other. `asker` is the only thing that connects the two, and the
 * loop's thread's alone.
 *
 *	            the call returns                    the asker hears, the lookup is freed
 *	asked for ------------------> told in a turn ------------------------------------>
 *	    |                              |
 *	    | the asker is stopped         | its asker was stopped: the list is freed, too
 *	    +--> asker == NULL ------------+
 */
struct core_lookup {
	struct duet_op work;
	struct duet_op *asker; /* NULL: nobody wants to know any more */
	struct addrinfo hints;
	struct addrinfo *addresses;
	int code; /* what getaddrinfo() has returned */
	int error;
	const char *node; /* NULL, or in text */
	const char *service;
	char text[];
};

static int error_of(int code, int error)
{
	switch (code) {
	case EAI_NONAME:
	case EAI_SERVICE:
		return -ENOENT;
#ifdef EAI_NODATA
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return -EADDRNOTAVAIL;
#endif
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_FAMILY:
		return -EAFNOSUPPORT;
	case EAI_SOCKTYPE:
		return -ESOCKTNOSUPPORT;
	case EAI_BADFLAGS:
		return -EINVAL;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_OVERFLOW:
		return -EOVERFLOW;
	case EAI_SYSTEM:
		return error > 0 ? -error : -EIO;
	default:
		return -EIO;
	}
}

static int count_of(const struct addrinfo *addresses)
{
	int count = 0;

	for (; addresses; addresses = addresses->ai_next)
		count++;
	return count;
}

/* On a worker: knows the lookup alone. */
static int look_up(void *context)
{
	struct core_lookup *lookup = context;

	errno = 0;
	lookup->code = getaddrinfo(lookup->node, lookup->service, &lookup->hints,
				   &lookup->addresses);
	lookup->error = errno;
	if (lookup->code)
		lookup->addresses = NULL;
	return 0;
}

static void hand_over(struct core_lookup *lookup, struct duet_op *op)
{
	int result = lookup->code ? error_of(lookup->code, lookup->error)
				  : count_of(lookup->addresses);

	/* Only a request is a stop. */
	if (result == -ECANCELED)
		op->verdict = result;
	op->args.resolve.lookup = NULL;
	op->args.resolve.code = lookup->code;
	if (op->done) {
		op->addresses = lookup->addresses;
		lookup->addresses = NULL;
	}
	core_finish(op->loop, op, result);
}

static void give_up(struct duet_op *op, const struct duet_op *work)
{
	op->args.resolve.lookup = NULL;
	op->request = work->cause;
	core_finish(op->loop, op, -ECANCELED);
}

/* In a turn. What a shutdown, or a deadline of all, takes out of the line takes its asker along. */
static void looked_up(struct duet_op *work)
{
	struct core_lookup *lookup =
		(struct core_lookup *)(void *)((char *)work - offsetof(struct core_lookup, work));

	if (lookup->asker && work->result == 0)
		hand_over(lookup, lookup->asker);
	else if (lookup->asker)
		give_up(lookup->asker, work);
	if (!MUTANT(lookup_not_freed))
		duet_addrinfo_free(lookup->addresses);
	free(lookup);
}

static size_t bytes_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static struct core_lookup *lookup_make(struct duet_op *op)
{
	const char *node = op->args.resolve.node, *service = op->args.resolve.service;
	const struct addrinfo *hints = op->args.resolve.hints;
	size_t node_bytes = bytes_of(node), service_bytes = bytes_of(service);
	struct core_lookup *lookup = calloc(1, sizeof(*lookup) + node_bytes + service_bytes);

	if (!lookup)
		return NULL;
	if (node)
		lookup->node = memcpy(lookup->text, node, node_bytes);
	if (service)
		lookup->service = memcpy(lookup->text + node_bytes, service, service_bytes);
	/* Without hints it is as the manual has it. */
	lookup->hints = hints ? *hints : (struct addrinfo){.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
	lookup->asker = op;
	duet_op_init(&lookup->work, looked_up, NULL);
	duet_op_work(&lookup->work, look_up, lookup);
	return lookup;
}

int core_resolve_check(const struct duet_op *op)
{
	const struct addrinfo *hints = op->args.resolve.hints;

	if (op->flags & ~DUET_INLINE)
		return -EINVAL;
	if (!op->args.resolve.node && !op->args.resolve.service)
		return -EINVAL;
	return hints && (hints->ai_addr || hints->ai_addrlen || hints->ai_canonname ||
			 hints->ai_next)
		       ? -EINVAL
		       : 0;
}

int core_resolve_begin(struct duet_loop *loop, struct duet_op *op)
{
	struct core_lookup *lookup = lookup_make(op);

	op->addresses = NULL;
	op->args.resolve.code = 0;
	op->args.resolve.lookup = lookup;
	op->result = lookup ? duet_op_start(loop, &lookup->work) : -ENOMEM;
	if (!op->result)
		return BACKEND_ISSUED;
	free(lookup);
	return BACKEND_ENDED;
}

/* In line it is taken out; begun it goes on alone. */
void core_resolve_stop(struct duet_loop *loop, struct duet_op *op)
{
	struct core_lookup *lookup = op->args.resolve.lookup;

	lookup->asker = NULL;
	op->args.resolve.lookup = NULL;
	core_request(loop, &lookup->work, (enum duet_cause)op->request);
	core_finish(loop, op, -ECANCELED);
}

const struct duet_op *core_resolve_work(const struct duet_op *op)
{
	return &op->args.resolve.lookup->work;
}

void core_resolve_dispose(struct duet_op *op)
{
	duet_addrinfo_free(op->addresses);
	op->addresses = NULL;
}

struct addrinfo *duet_op_addresses(const struct duet_op *op)
{
	return op->kind == DUET_RESOLVE && op->result > 0 && !duet_op_pending(op) ? op->addresses
										  : NULL;
}

void duet_addrinfo_free(struct addrinfo *addresses)
{
	/* NULL is allowed here, and not everywhere there. */
	if (addresses)
		freeaddrinfo(addresses);
}

int duet_op_resolve_code(const struct duet_op *op)
{
	return op->kind == DUET_RESOLVE && !duet_op_pending(op) ? op->args.resolve.code : 0;
}
