/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * TLS over either mechanism: tls CERTIFICATE KEY [completion]. It answers a request with what was
 * asked, as `curl --cacert CERTIFICATE https://localhost:PORT/` shows.
 *
 * OpenSSL reads from one piece of memory and writes into another, and never sees a socket; the loop
 * moves the bytes. So it is asked again and again for the next step: what it has written is sent, and
 * what it misses is received.
 */
#include <arpa/inet.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t HANDSHAKE_NS = 2000000000, REQUEST_NS = 5000000000;

struct connection {
	struct duet_op op; /* a connection receives, or sends, or closes */
	SSL *ssl;
	BIO *in, *out; /* ssl's own: what came and it hasn't read, what it has written */
	enum { HANDSHAKE, REQUEST, ANSWER, SHUT, GOODBYE, GONE } step;
	uint64_t due_ns;
	char data[16384], text[8192];
	int length;
};

static struct duet_loop *loop;
static SSL_CTX *tls;
static struct duet_op accepting;

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "tls: %s\n", strerror(-error));
	exit(1);
}

static void go_on(struct connection *c);

static void closed(struct duet_op *op)
{
	struct connection *c = op->context;

	SSL_free(c->ssl);
	free(c);
	if (!duet_op_pending(&accepting)) /* there had been no place */
		check(duet_op_start(loop, &accepting));
}

static void hang_up(struct connection *c)
{
	c->op.done = closed;
	duet_op_close(&c->op, c->op.handle);
	check(duet_op_start(loop, &c->op));
}

/* ---- Between the socket and the two pieces of memory. ---- */

static void sent(struct duet_op *op)
{
	if (op->disposition == DUET_COMPLETED)
		go_on(op->context);
	else
		hang_up(op->context);
}

static void received(struct duet_op *op)
{
	struct connection *c = op->context;

	if (op->result <= 0 || BIO_write(c->in, c->data, op->result) != op->result)
		hang_up(c);
	else
		go_on(c);
}

/* A deadline on each operation: a client that stops at any byte is hung up on. */
static void start(struct connection *c, duet_done_fn *done)
{
	c->op.done = done;
	duet_op_deadline(&c->op, c->due_ns);
	check(duet_op_start(loop, &c->op));
}

static void send_out(struct connection *c)
{
	int length = BIO_read(c->out, c->data, sizeof(c->data));

	duet_op_send(&c->op, c->op.handle, c->data, (size_t)length, DUET_WHOLE);
	start(c, sent);
}

static void receive(struct connection *c)
{
	duet_op_recv(&c->op, c->op.handle, c->data, sizeof(c->data), 0);
	start(c, received);
}

/* ---- What OpenSSL is asked for: more than 0 if that is done. ---- */

static int read_request(struct connection *c)
{
	int room = (int)sizeof(c->text) - 1 - c->length;
	int got = SSL_read(c->ssl, c->text + c->length, room);

	if (got <= 0)
		return got;
	c->length += got;
	c->text[c->length] = 0;
	if (got == room || strstr(c->text, "\r\n\r\n"))
		c->step = ANSWER;
	return got;
}

static int write_answer(struct connection *c)
{
	char answer[sizeof(c->text) + 128];
	int length = snprintf(answer, sizeof(answer), "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n"
			      "Content-Length: %d\r\n\r\n%s", c->length, c->text);

	return SSL_write(c->ssl, answer, length); /* into memory: all of it, or an error */
}

static int take_step(struct connection *c)
{
	int done;

	switch (c->step) {
	case HANDSHAKE:
		done = SSL_accept(c->ssl);
		if (done > 0) {
			c->step = REQUEST;
			c->due_ns = duet_loop_now_ns(loop) + REQUEST_NS;
		}
		return done;
	case REQUEST:
		return read_request(c);
	case ANSWER:
		done = write_answer(c);
		c->step = SHUT;
		return done;
	case SHUT: /* says goodbye, which is 0: the other side hasn't yet */
		c->step = GOODBYE;
		return SSL_shutdown(c->ssl) < 0 ? -1 : 1;
	default:
		done = SSL_shutdown(c->ssl);
		if (done > 0)
			c->step = GONE;
		return done;
	}
}

/* What it wrote is sent first, also what it says of an error. */
static void go_on(struct connection *c)
{
	while (c->step != GONE && !BIO_ctrl_pending(c->out)) {
		int done, error;

		ERR_clear_error(); /* or else an old one is taken for this one's */
		done = take_step(c);
		error = done > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, done);
		if (error == SSL_ERROR_WANT_READ && !BIO_ctrl_pending(c->out)) {
			receive(c);
			return;
		}
		if (error == SSL_ERROR_ZERO_RETURN && c->step == REQUEST)
			c->step = SHUT; /* the other side is done, and is told the same */
		else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
			c->step = GONE;
	}
	if (BIO_ctrl_pending(c->out))
		send_out(c);
	else
		hang_up(c);
}

/* ---- Whoever comes. ---- */

static void greet(duet_handle handle)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c || !(c->ssl = SSL_new(tls)) || !(c->in = BIO_new(BIO_s_mem())) ||
	    !(c->out = BIO_new(BIO_s_mem())))
		check(-ENOMEM);
	BIO_set_mem_eof_return(c->in, -1); /* empty means "later", and not the end */
	SSL_set_bio(c->ssl, c->in, c->out);
	duet_op_init(&c->op, NULL, c);
	c->op.handle = handle;
	c->due_ns = duet_loop_now_ns(loop) + HANDSHAKE_NS;
	go_on(c);
}

static void accepted(struct duet_op *op)
{
	if (!op->result)
		greet(op->made);
	if (!op->result || op->result == -ECONNABORTED)
		check(duet_op_start(loop, op));
} /* else no descriptor or handle is left: closed() goes on */

static void prepare_tls(const char *certificate, const char *key)
{
	tls = SSL_CTX_new(TLS_server_method());
	if (tls && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(tls) == 1)
		return;
	fprintf(stderr, "tls: %s, %s: ", certificate, key);
	ERR_print_errors_fp(stderr);
	exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	duet_handle listener;

	if (argc < 3) {
		fprintf(stderr, "usage: tls CERTIFICATE KEY [completion]\n");
		return 2;
	}
	prepare_tls(argv[1], argv[2]);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(duet_loop_create(&loop, argc > 3 ? duet_completion() : duet_polling(), NULL));
	check(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 128, &listener));
	fprintf(stderr, "tls: port %d\n", ntohs(address.sin_port));
	duet_op_init(&accepting, accepted, NULL);
	duet_op_accept(&accepting, listener, 0);
	check(duet_op_start(loop, &accepting));
	check(duet_loop_run(loop));
	check(accepting.result); /* nothing is pending: it has failed, and no connection is left */
	return 0;
}
