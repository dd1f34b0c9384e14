/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/operation.h>
#include <errno.h>
#include <string.h>

#include "reference/acceptor.h"
#include "reference/twins/generate.h"
#include "reference/twins/play.h"

/* Scripts and traces by hand: good ones, and the same with one thing wrong. */

#define STREAM "duet-script 1\nracy\nconnection c0 unix\n"
#define SEND "start 0 send c0a 4\n"
#define ZERO_COPY "start 0 send-zero-copy c0a 4\n"
#define TOLD "result id=0 result=4 moved=4 disposition=completed cause=itself;"
#define RECV "start 1 recv c0b 4\n"
#define DUE_RECV "start 1 recv c0b 4 deadline 100\n"
#define SEND_2 "start 2 send c0a 4\n"
#define POLL_IN "start 3 poll c0b in\n"
#define POLLS_IN "start 3 poll c0b in multishot\n"
#define POOL STREAM "pool p0 4 64\n"
#define POOLED "start 0 recv c0b pool p0 multishot\n"
#define TIMERS "duet-script 1\nstart 0 timeout 2\nstart 1 timeout 2\n"
#define DISK "duet-script 1\nfile f0 100\n"
#define SET_UP "duet-script 1\ndialer d0 unix\nstart 0 bind d0\nstart 1 listen d0\n"
#define LISTENER "duet-script 1\nlistener l0 unix\ndialer d0 unix\nstart 0 connect d0 l0\n"
/* FNV-1a of the first four bytes that operation 0 and 2 send. */
static char hash_of_0[32], hash_of_2[32];

static const struct {
	const char *script;
	/* ; ends a line, %0 and %2 are those hashes, ~ a settle's end. What it lacks of a whole trace
	 * is added (the last turns, the account), unless it begins with "!". */
	const char *trace;
	const char *says; /* NULL: accepted */
} rulings[] = {
	{ STREAM SEND RECV, "start id=0;start id=1;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself", NULL },
	/* One end. */
	{ STREAM SEND, "start id=0", "never ended" },
	{ STREAM SEND, "end id=0 result=4 moved=4 disposition=completed cause=itself",
		"before it was started" },
	{ "duet-script 1\nstart 0 nop\n", "start id=0;end id=0 disposition=completed cause=itself;"
		"end id=0 disposition=completed cause=itself", "again after its end" },
	{ "duet-script 1\nstart 0 nop\n", "start id=0;item id=0", "is no multishot" },
	{ "duet-script 1\nstart 0 nop\n", "start id=9", "not in the script" },
	{ "duet-script 1\nstart 0 nop\n", "refuse id=0 result=-105", "refused with ENOBUFS" },
	/* Two ends: the result, and the memory. */
	{ STREAM ZERO_COPY RECV, "start id=0;start id=1;" TOLD
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself", NULL },
	{ STREAM ZERO_COPY, "start id=0;" TOLD, "has told its result and never ended" },
	{ STREAM ZERO_COPY, "start id=0;end id=0 result=4 moved=4 disposition=completed cause=itself",
		"was not told so before its end" },
	{ STREAM ZERO_COPY, "start id=0;" TOLD
		"end id=0 result=4 moved=4 disposition=completed cause=cancel", "not the result" },
	{ STREAM ZERO_COPY, "start id=0;" TOLD TOLD, "not the result" },
	{ STREAM SEND, "start id=0;" TOLD, "keeps no memory" },
	{ STREAM ZERO_COPY, "start id=0;result id=0 disposition=failed cause=itself",
		"has moved nothing" },
	{ STREAM ZERO_COPY, "start id=0;~cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel", NULL },
	/* Legal ends. */
	{ STREAM RECV, "start id=1;end id=1 result=-125 disposition=untouched cause=cancel",
		"nobody asked" },
	{ STREAM RECV, "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel", NULL },
	{ STREAM RECV, "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=failed cause=itself", "nothing in the script" },
	{ STREAM RECV, "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=tainted cause=cancel", "only a connect taints" },
	{ STREAM RECV, "start id=1;end id=1 disposition=completed cause=itself",
		"the other end is open" },
	{ STREAM SEND, "start id=0;end id=0 result=3 moved=3 disposition=completed cause=itself",
		"not all bytes" },
	{ STREAM SEND, "start id=0;end id=0 result=4 moved=4 made=1 disposition=completed "
		"cause=itself;drained object=c0b moved=4 hash=%0", "brought a handle" },
	{ STREAM RECV, "start id=1;~cancel id=1;end id=1 result=-125 made=1 disposition=untouched "
		"cause=cancel", "brought a handle" },
	{ STREAM "start 0 send c0a 4 whole\n", "start id=0;"
		"end id=0 result=3 moved=3 disposition=partial cause=itself", "without an error" },
	{ STREAM SEND, "start id=0;end id=0 result=-104 moved=3 disposition=partial cause=itself;"
		"drained object=c0b moved=3", "nothing in the script makes it fail" },
	{ STREAM SEND, "start id=0;end id=0 result=-104 disposition=failed cause=itself",
		"nothing in the script makes it fail" },
	{ STREAM RECV, "start id=1;~cancel id=1;end id=1 result=-125 hash=7 disposition=untouched "
		"cause=cancel", "the hash of nothing" },
	{ STREAM "start 0 shutdown c0a\n", "start id=0;end id=0 moved=3 disposition=completed "
		"cause=itself", "brought bytes" },
	{ STREAM, "drained object=c0a hash=7;drained object=c0b", "the hash of nothing" },
	{ DISK "start 0 write f0 50 at 0\n", "start id=0;"
		"end id=0 result=9 moved=9 disposition=partial cause=itself", "fills the disk" },
	{ DISK "start 0 write f0 50 at 1048570\n", "start id=0;"
		"end id=0 result=6 moved=6 disposition=partial cause=itself", NULL },
	{ DISK "start 0 read f0 2 at 0\n", "start id=0;"
		"end id=0 result=2 moved=2 hash=1 disposition=completed cause=itself",
		"not the bytes of the file" },
	{ DISK "start 0 read f0 2 at 0\n", "start id=0;"
		"end id=0 result=2 moved=2 disposition=completed cause=itself",
		"not the bytes of the file" },
	{ DISK "start 0 read f0 2 at 0\n", "start id=0;"
		"end id=0 result=1 moved=1 hash=1 disposition=completed cause=itself",
		"before the end of the file" },
	{ LISTENER, "start id=0;end id=0 result=-111 disposition=failed cause=itself",
		"nothing in the script makes it fail" },
	{ LISTENER, "start id=0;end id=0 result=-110 disposition=failed cause=itself",
		"nothing in the script makes it fail" },
	{ LISTENER "start 1 close l0\n", "start id=0;start id=1;"
		"end id=0 result=-111 disposition=failed cause=itself;"
		"end id=1 disposition=completed cause=itself", NULL },
	/* Injected errors, each once. */
	{ STREAM "fault recv 1 ETIMEDOUT\n" RECV, "start id=1;"
		"end id=1 result=-110 disposition=failed cause=itself", NULL },
	{ STREAM "fault recv 1 ETIMEDOUT\n" RECV, "start id=1;"
		"end id=1 result=-104 disposition=failed cause=itself", "nothing in the script" },
	{ STREAM "fault send 1 EIO\n" SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=0 result=-5 disposition=failed cause=itself;"
		"end id=2 result=-5 disposition=failed cause=itself", "nothing in the script" },
	{ STREAM "fault send 1 ECONNRESET\n" SEND RECV, "start id=0;start id=1;"
		"end id=0 result=-104 disposition=failed cause=itself;"
		"end id=1 result=-104 disposition=failed cause=itself", NULL },
	{ DISK "fault write 1 ENOSPC\nstart 0 write f0 50 at 0\n", "start id=0;"
		"end id=0 result=9 moved=9 disposition=partial cause=itself", NULL },
	/* Polls. */
	{ STREAM SEND POLLS_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;item id=3 result=1;"
		"~cancel id=3;end id=3 result=-125 disposition=untouched cause=cancel;"
		"drained object=c0b moved=4 hash=%0", NULL },
	{ STREAM POLLS_IN, "start id=3;item id=3 result=1;~cancel id=3;"
		"end id=3 result=-125 disposition=untouched cause=cancel", "nothing had arrived" },
	{ STREAM POLLS_IN, "start id=3;item id=3 result=4;~cancel id=3;"
		"end id=3 result=-125 disposition=untouched cause=cancel", "an interim poll" },
	{ STREAM SEND POLLS_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"~cancel id=3;item id=3 result=1;"
		"end id=3 result=-125 disposition=untouched cause=cancel;"
		"drained object=c0b moved=4 hash=%0", "after it was cancelled" },
	{ STREAM SEND POLLS_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=3 result=1 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", "no end of its own" },
	{ STREAM SEND POLL_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=3 result=1 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", NULL },
	{ STREAM POLL_IN, "start id=3;end id=3 result=1 disposition=completed cause=itself",
		"nothing had arrived" },
	{ STREAM SEND RECV "settle\n" POLL_IN, "start id=0;start id=1;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself;~"
		"start id=3;end id=3 result=1 disposition=completed cause=itself;~",
		"nothing had arrived" },
	{ STREAM SEND POLL_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=3 result=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", "not the events that were asked for" },
	{ STREAM SEND POLL_IN, "start id=0;start id=3;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=3 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", "not the events that were asked for" },
	{ STREAM "start 3 poll c0b out\n", "start id=3;"
		"end id=3 result=20 disposition=completed cause=itself", "both ends are open" },
	/* Bytes. */
	{ STREAM SEND RECV, "start id=0;start id=1;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=1 disposition=completed cause=itself",
		"not those that were sent" },
	{ STREAM SEND, "start id=0;end id=0 result=4 moved=4 disposition=completed cause=itself",
		"4 bytes were sent to c0b, 0 were received or left" },
	{ STREAM SEND, "start id=0;end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", NULL },
	{ STREAM SEND, "start id=0;~cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel;"
		"drained object=c0b moved=4 hash=%0", "more than was sent" },
	/* Order. */
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself", "on the same line" },
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=0 result=1 moved=1 disposition=partial cause=itself;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself", "has a hole" },
	{ STREAM SEND "start 2 send c0a 4\ncancel 0\n", "start id=0;start id=2;cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%2", NULL },
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=2 result=-125 disposition=untouched cause=order", "nobody asked" },
	{ TIMERS, "start id=0 at=1 due=2001;start id=1 at=1 due=2001;"
		"end id=1 at=2001 disposition=completed cause=itself;"
		"end id=0 at=2001 disposition=completed cause=itself", "fired after timeout" },
	{ STREAM RECV "start 3 close c0b\n", "start id=1;start id=3;"
		"end id=3 disposition=completed cause=itself;"
		"end id=1 result=-125 disposition=untouched cause=close", "close 3 ended before" },
	{ STREAM RECV "cancel 1\nstart 3 close c0b\n", "start id=1;cancel id=1;start id=3;"
		"end id=1 result=-125 disposition=untouched cause=close;"
		"end id=3 disposition=completed cause=itself", "nobody asked" },
	/* The script. */
	{ STREAM SEND RECV, "start id=0;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", "the script has \"start 1\" here" },
	{ STREAM SEND RECV, "!", "it does not say who played" },
	{ STREAM SEND RECV, "!player hand", "the script goes on with \"start 0\", the trace ends" },
	{ STREAM SEND RECV, "start id=1;start id=0;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself",
		"event 1 of the trace: the script has \"start 0\" here" },
	{ STREAM SEND "settle\n" RECV, "start id=0;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;start id=1;~"
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself;~",
		"the script has \"turn 0\" here, the trace \"start 1\"" },
	{ STREAM RECV, "start id=1;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel", "here, the trace \"cancel 1\"" },
	{ STREAM RECV "cancel 1\n", "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel",
		"the script has \"cancel 1\" here" },
	{ STREAM RECV, "cancel id=1;start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel",
		"was cancelled before it was started" },
	{ STREAM RECV, "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel;cancel id=1",
		"was cancelled after its end" },
	{ STREAM RECV "settle\ndestroy\n", "start id=1;~busy moved=1 result=-16;turn;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel", NULL },
	{ STREAM RECV "settle\ndestroy\n", "start id=1;~busy moved=2 result=-16;turn;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel",
		"the script has \"busy 1\" here, the trace \"busy 2\"" },
	{ STREAM RECV "settle\ndestroy\n", "start id=1;~turn;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel",
		"the script has \"busy 1\" here" },
	{ STREAM RECV "start 3 nop after 1\n", "start id=1;~cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel", NULL },
	{ STREAM RECV "start 3 nop after 1\ncancel 1\n", "start id=1;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel;~",
		"the script has \"start 3\" here" },
	/* Ends inside a start, and messages. */
	{ "duet-script 1\nstart 0 nop inline\n", "start id=0;"
		"end id=0 disposition=completed cause=itself inline=1;turn", NULL },
	{ "duet-script 1\nstart 0 nop inline\n", "start id=0;"
		"end id=0 disposition=completed cause=itself;turn", NULL },
	{ "duet-script 1\nstart 0 nop\n", "start id=0;"
		"end id=0 disposition=completed cause=itself inline=1;turn", "doesn't allow it" },
	{ "duet-script 1\nstart 0 nop inline\nturn 1\n", "start id=0;turn;"
		"end id=0 disposition=completed cause=itself inline=1;turn",
		"here, the trace \"end 0\"" },
	{ "duet-script 1\npost\npost\nturn 1\n", "message id=0;message id=1;turn;turn", NULL },
	{ "duet-script 1\npost\npost\nturn 1\n", "message id=0;turn;message id=1;turn",
		"message 1 was posted and has not run" },
	{ "duet-script 1\npost\npost\nturn 1\n", "message id=1;message id=0;turn;turn",
		"message 1 has run, after 0 of 2" },
	{ "duet-script 1\npost\n", "message id=0;message id=1;turn", "message 1 has run, after 1" },
	{ "duet-script 1\nstart 0 nop\npost after 0\n", "start id=0;"
		"end id=0 disposition=completed cause=itself;message id=0;turn", NULL },
	{ "duet-script 1\nstart 0 nop\npost after 0\n", "start id=0;message id=0;"
		"end id=0 disposition=completed cause=itself;turn", "message 0 has run, after 0 of 0" },
	/* Setting up. */
	{ "duet-script 1\nstart 0 socket tcp\n", "start id=0;"
		"end id=0 made=1 disposition=completed cause=itself", NULL },
	{ "duet-script 1\nstart 0 socket tcp\n", "start id=0;"
		"end id=0 disposition=completed cause=itself", "no handle came with it" },
	{ SET_UP, "start id=0;start id=1;end id=1 result=-22 disposition=failed cause=itself;"
		"end id=0 disposition=completed cause=itself", NULL },
	{ SET_UP, "start id=0;start id=1;end id=0 result=-98 disposition=failed cause=itself;"
		"end id=1 disposition=completed cause=itself", "nothing in the script makes it fail" },
	{ "duet-script 1\ndialer d0 tcp\nstart 1 listen d0\n", "start id=1;"
		"end id=1 result=-22 disposition=failed cause=itself",
		"nothing in the script makes it fail" },
	{ DISK "start 0 open f0\nstart 1 close f0\n", "start id=0;start id=1;"
		"end id=1 disposition=completed cause=itself;"
		"end id=0 made=1 disposition=completed cause=itself", NULL },
	/* Times. */
	{ STREAM DUE_RECV, "start id=1 at=5 due=100005;"
		"end id=1 at=100004 result=-110 disposition=untouched cause=deadline", "nobody asked" },
	{ STREAM DUE_RECV, "start id=1 at=5 due=100005;"
		"end id=1 at=100005 result=-110 disposition=untouched cause=deadline", NULL },
	{ STREAM DUE_RECV, "start id=1 at=5;turn at=6;cancel id=1 at=6;"
		"end id=1 at=6 result=-125 disposition=untouched cause=cancel", "due at 0, by the script" },
	{ STREAM DUE_RECV, "start id=1 at=5 due=6;"
		"end id=1 at=6 result=-110 disposition=untouched cause=deadline",
		"due at 6, by the script at 100005" },
	{ STREAM RECV, "start id=1 at=5 due=6;"
		"end id=1 at=6 result=-110 disposition=untouched cause=deadline",
		"due at 6, by the script at 0" },
	{ STREAM DUE_RECV, "start id=1 at=5 due=100005;turn at=200000;cancel id=1 at=200000;"
		"end id=1 at=200000 result=-125 disposition=untouched cause=cancel",
		"ended by its cancel, but it was due before" },
	{ STREAM DUE_RECV, "start id=1 at=5 due=100005;turn at=9;cancel id=1 at=9;"
		"end id=1 at=200000 result=-110 disposition=untouched cause=deadline",
		"ended by its deadline, but its cancel came first" },
	{ STREAM DUE_RECV, "start id=1 at=5 due=100005;turn at=9;cancel id=1;"
		"end id=1 at=200000 result=-125 disposition=untouched cause=cancel", "has no time" },
	{ STREAM DUE_RECV "wait 200\nstart 2 close c0b\n", "start id=1 at=5 due=100005;"
		"turn at=200005;start id=2 at=200005;"
		"end id=1 at=200005 result=-125 disposition=untouched cause=close;"
		"end id=2 at=200006 disposition=completed cause=itself;turn;drained object=c0a",
		"ended by its close, but it was due before" },
	/* A cancel from inside the very turn it is due in may come first, or second. */
	{ STREAM DUE_RECV "start 2 nop\ncancel 1 after 2\n", "start id=1 at=5 due=100005;"
		"start id=2 at=5;end id=2 at=100006 disposition=completed cause=itself;"
		"cancel id=1 at=100006;"
		"end id=1 at=100006 result=-125 disposition=untouched cause=cancel", NULL },
	{ STREAM DUE_RECV "start 2 nop\ncancel 1 after 2\n", "start id=1 at=5 due=100005;"
		"start id=2 at=5;end id=2 at=100006 disposition=completed cause=itself;"
		"cancel id=1 at=100006;"
		"end id=1 at=100006 result=-110 disposition=untouched cause=deadline", NULL },
	{ TIMERS, "start id=0 at=1 due=2001;start id=1 at=1 due=2001;"
		"end id=0 at=2001 disposition=completed cause=itself;"
		"end id=1 at=2002 disposition=completed cause=itself",
		"timeout 1, due at 2001, fired at 2002, and not in the turn" },
	{ TIMERS, "start id=0 at=1 due=2001;start id=1 at=1 due=2001;"
		"end id=0 at=2001 disposition=completed cause=itself;turn at=3000;"
		"cancel id=1 at=3000;end id=1 at=3000 result=-125 disposition=untouched "
		"cause=cancel", "operation 1 ended by its cancel, but it was due before" },
	{ TIMERS, "start id=0 at=1 due=2001;start id=1 at=1 due=2001;"
		"end id=0 at=10000000001 disposition=completed cause=itself;"
		"end id=1 at=10000000001 disposition=completed cause=itself",
		"ended 9999 ms after it was due" },
	{ TIMERS, "start id=0 at=1 due=2001;start id=1 at=1 due=2001;"
		"end id=0 at=3000 disposition=completed cause=itself;"
		"end id=1 at=3000 disposition=completed cause=itself", NULL },
	{ TIMERS, "start id=0 at=2 due=2002;start id=1 at=1 due=2001;"
		"end id=1 at=2002 disposition=completed cause=itself;"
		"end id=0 at=2002 disposition=completed cause=itself", "runs backwards" },
	/* The account. */
	{ STREAM, "lent result=1 moved=100", "loans" },
	{ STREAM, "open result=1", "1 descriptors open" },
	{ STREAM, "turn;busy moved=2 result=-16", "\"busy 2\" is not in the script" },
	{ STREAM "destroy\n", "busy moved=2", "with 2 operations pending" },
	{ POOL, "turn;free pool=0 moved=3", "3 of 4 buffers" },
	{ POOL, "turn;return pool=0 buffer=1", "was answered 0" },
	{ POOL, "turn;return pool=0 buffer=4", "there is none" },
	{ POOL POOLED, "start id=0;item id=0 result=4 moved=4 pool=0 buffer=2;"
		"item id=0 result=4 moved=4 pool=0 buffer=2", "still held" },
	{ POOL SEND_2 POOLED, "start id=2;start id=0;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"item id=0 result=4 moved=4 pool=0 buffer=2 hash=%2;~cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel;return pool=0 buffer=2",
		NULL },
	{ POOL SEND_2 POOLED, "start id=2;start id=0;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"item id=0 result=4 moved=4 pool=0 buffer=2 hash=%2;~cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel",
		"buffer 2 of pool 0 was never returned" },
	{ POOL POOLED, "start id=0;item id=0 result=-105;~cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel", "all its buffers were free" },
	{ LISTENER, "start id=0;end id=0 disposition=completed cause=itself;waiting object=l0",
		"1 connections to l0" },
	{ LISTENER "start 1 accept l0\n", "start id=0;start id=1;"
		"end id=0 result=-111 disposition=failed cause=itself;"
		"end id=1 made=1 disposition=completed cause=itself", "nothing in the script" },
	{ STREAM, "drained object=c0a;drained object=c0b;drained object=c1a",
		"c1a, which wasn't open at the end" },
	{ STREAM "start 0 close c0a\n", "start id=0;end id=0 disposition=completed cause=itself;"
		"drained object=c0a;drained object=c0b", "c0a, which wasn't open at the end" },
	{ STREAM, "drained object=c0a", "c0b, open at the end, is told 0 times" },
};

static void hash_text(char *text, uint16_t id)
{
	uint64_t hash = HASH_BEGIN;

	for (unsigned i = 0; i < 4; i++)
		hash = hash_byte(hash, pattern_sent(id, i));
	snprintf(text, 32, "%016llx", (unsigned long long)hash);
}

static char *expand_text(const char *from, char *to)
{
	hash_text(hash_of_0, 0);
	hash_text(hash_of_2, 2);
	for (; *from; from++) {
		if (*from == '%')
			to += sprintf(to, "%s", *++from == '0' ? hash_of_0 : hash_of_2);
		else if (*from == '~')
			to += sprintf(to, "turn\n");
		else
			*to++ = *from == ';' ? '\n' : *from;
	}
	return to + sprintf(to, "\n");
}

static bool closes(const struct script *script, struct object object)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (script->steps[i].kind == DUET_CLOSE &&
		    object_same(script->steps[i].object, object))
			return true;
	}
	return false;
}

static char *expand_left(const struct script *script, const char *word, struct object object,
			 const char *trace, char *to)
{
	char name[OBJECT_TEXT];

	object_name(object, name);
	if (object_declared(script, object) && !closes(script, object) &&
	    !strstr(trace, "drained object=c0a") &&
	    (!strstr(trace, word) || !strstr(strstr(trace, word), name)))
		to += sprintf(to, "%s object=%s\n", word, name);
	return to;
}

/* What the trace says nothing of has gone well. */
static void expand_account(const struct script *script, const char *trace, char *to)
{
	static const char *const words[] = { "lent", "held", "open", "pending", "destroy" };

	for (uint8_t i = 0; i < 4; i++)
		to = expand_left(script, "drained", (struct object){ OBJECT_END, i }, trace, to);
	to = expand_left(script, "waiting", (struct object){ OBJECT_LISTENER, 0 }, trace, to);
	for (unsigned i = 0; i < 5; i++) {
		if (!strstr(trace, words[i]))
			to += sprintf(to, "%s\n", words[i]);
	}
	if (script->pool_count[0] && !strstr(trace, "free "))
		sprintf(to, "free pool=0 moved=%u\n", script->pool_count[0]);
}

static void expand(const struct script *script, const char *trace, char *to)
{
	const char *clearing = strstr(trace, "drained");

	to += sprintf(to, "duet-trace 1\n");
	if (*trace == '!') {
		expand_text(trace + 1, to);
		return;
	}
	to += sprintf(to, "player hand\n");
	if (!clearing)
		clearing = trace + strlen(trace);
	if (!strstr(trace, "turn") && !strchr(trace, '~')) {
		char steps[1000];

		snprintf(steps, sizeof(steps), "%.*s", (int)(clearing - trace), trace);
		to = expand_text(steps, to);
		to += sprintf(to, "turn\n");
		trace = clearing;
	}
	expand_account(script, trace, expand_text(trace, to));
}

static void load(int which, struct script *script, struct trace *trace)
{
	char text[3000], complaint[200] = "";
	FILE *in = fmemopen((void *)rulings[which].script, strlen(rulings[which].script), "r");

	ck_assert_msg(!script_read(script, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
	expand(script, rulings[which].trace, text);
	in = fmemopen(text, strlen(text), "r");
	ck_assert_msg(!trace_read(trace, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
}

START_TEST(a_trace_is_ruled_on)
{
	static struct script script;
	static struct trace trace;
	char complaint[400] = "";
	int verdict;

	load(_i, &script, &trace);
	verdict = acceptor_judge(&script, &trace, complaint, sizeof(complaint));
	if (!rulings[_i].says)
		ck_assert_msg(verdict == 0, "refused: %s", complaint);
	else
		ck_assert_msg(verdict && strstr(complaint, rulings[_i].says),
			"it said \"%s\", and not \"%s\"", complaint, rulings[_i].says);
}
END_TEST

/* A trace with all that there is, two of a kind where that matters. */
static const char *const whole[] = {
	"duet-script 1\nconnection c0 unix\nlistener l0 unix\ndialer d0 unix\npool p0 2 64\n"
	"start 0 send c0a 4\nstart 1 recv c0b pool p0 multishot\nstart 3 connect d0 l0\n"
	"start 4 accept l0\nstart 5 timeout 1\nsettle\ndestroy\nreturn p0 1\nstart 6 nop\n"
	"cancel 1 after 6\n",
	"player hand", "start id=0", "start id=1", "start id=3", "start id=4",
	"start id=5 at=1 due=1001", "end id=0 result=4 moved=4 disposition=completed cause=itself",
	"item id=1 result=4 moved=4 pool=0 buffer=1 hash=%0",
	"end id=3 disposition=completed cause=itself",
	"end id=4 made=1 disposition=completed cause=itself",
	"end id=5 at=1001 disposition=completed cause=itself", "turn at=1001",
	"busy moved=1 result=-16", "return pool=0 buffer=1", "start id=6",
	"end id=6 disposition=completed cause=itself", "cancel id=1",
	"end id=1 result=-125 disposition=untouched cause=cancel", "turn",
	"drained object=c0a", "drained object=c0b", "waiting object=l0", "lent", "held",
	"free pool=0 moved=2", "open", "pending", "destroy",
};

#define WHOLE_LINES ((int)(sizeof(whole) / sizeof(whole[0])) - 1)

/* Line times times, the others once. */
static int judge_whole(int line, int times, char *complaint, size_t size)
{
	static struct script script;
	static struct trace trace;
	char text[3000], *to = text;
	FILE *in = fmemopen((void *)whole[0], strlen(whole[0]), "r");

	ck_assert_int_eq(script_read(&script, in, complaint, size), 0);
	fclose(in);
	to += sprintf(to, "duet-trace 1\n");
	for (int i = 1; i <= WHOLE_LINES; i++) {
		for (int k = 0; k < (i == line ? times : 1); k++)
			to = expand_text(whole[i], to);
	}
	in = fmemopen(text, strlen(text), "r");
	ck_assert_msg(!trace_read(&trace, in, complaint, size), "%s", complaint);
	fclose(in);
	return acceptor_judge(&script, &trace, complaint, size);
}

START_TEST(no_line_of_a_trace_can_be_missing_or_twice)
{
	char complaint[400] = "";

	ck_assert_msg(judge_whole(0, 1, complaint, sizeof(complaint)) == 0, "%s", complaint);
	for (int line = 1; line <= WHOLE_LINES; line++) {
		ck_assert_msg(judge_whole(line, 0, complaint, sizeof(complaint)),
			"accepted without \"%s\"", whole[line]);
		ck_assert_msg(line == 1 || judge_whole(line, 2, complaint, sizeof(complaint)),
			"accepted with a second \"%s\"", whole[line]);
	}
}
END_TEST

/* ---- Traces that were really played, with one field of one end changed. ---- */

static void forge_result(struct event *event)
{
	event->result++;
}

static void forge_error(struct event *event)
{
	event->result = -EIO;
}

static void forge_hash(struct event *event)
{
	event->hash ^= 1;
}

static void forge_handle(struct event *event)
{
	event->made ^= true;
}

static void forge_disposition(struct event *event)
{
	event->disposition = (uint8_t)((event->disposition + 1) % DUET_ABANDONED);
}

static void forge_number(struct event *event)
{
	event->id ^= 1;
}

static void (*const forgeries[])(struct event *event) = { forge_result, forge_error, forge_hash,
	forge_handle, forge_disposition, forge_number };

/* Of what is sent by who was given up only the amounts are judged. */
static bool gives_up(const struct script *script)
{
	uint32_t i = 0;

	while (i < script->step_count && script->steps[i].what != STEP_ABANDON)
		i++;
	return i < script->step_count;
}

START_TEST(no_end_that_was_played_can_be_changed)
{
	static struct script script;
	static struct trace trace;
	char complaint[400];

	for (uint64_t seed = 1; seed <= 60; seed++) {
		generate(&script, seed);
		ck_assert_int_eq(play(&script, arm_find("reference"), NULL, &trace, complaint, 400),
			0);
		ck_assert_msg(!acceptor_judge(&script, &trace, complaint, 400), "%s", complaint);
		for (uint32_t i = 0; i < trace.count; i++) {
			struct event was = trace.events[i];

			if (was.what != EVENT_END || gives_up(&script))
				continue;
			forgeries[_i](&trace.events[i]);
			ck_assert_msg(acceptor_judge(&script, &trace, complaint, 400),
				"seed %d: event %u, forged, is accepted", (int)seed, i + 1);
			trace.events[i] = was;
		}
	}
}
END_TEST

/* ---- Agreement. ---- */

static void change_moved(struct trace *trace)
{
	trace->events[3].moved = 3;
}

static void change_cause(struct trace *trace)
{
	trace->events[3].cause = DUET_CAUSE_CLOSE;
}

static void change_disposition(struct trace *trace)
{
	trace->events[3].disposition = DUET_PARTIAL;
}

static void change_result(struct trace *trace)
{
	trace->events[3].result = 12;
}

static void change_made(struct trace *trace)
{
	trace->events[3].made = true;
}

static void change_left(struct trace *trace)
{
	struct event *event = trace_add(trace, EVENT_DRAINED);

	event->object = (struct object){ OBJECT_END, 1 };
	event->moved = 7;
}

static void change_waiting(struct trace *trace)
{
	struct event *event = trace_add(trace, EVENT_WAITING);

	event->object = (struct object){ OBJECT_LISTENER, 0 };
	event->moved = 2;
}

static void change_end(struct trace *trace)
{
	trace->count = 3;
}

static const struct {
	void (*change)(struct trace *trace);
	const char *says;
} changes[] = {
	{ change_moved, "operation 1: completed by itself, 4 bytes, result 4, against completed by "
			"itself, 3 bytes" },
	{ change_cause, "against completed by close" },
	{ change_disposition, "against partial by itself" },
	{ change_result, "4 bytes, result 12" },
	{ change_made, "operation 1" },
	{ change_left, "0 against 7 bytes were left at c0b" },
	{ change_waiting, "0 against 2 connections were left at l0" },
	{ change_end, "not ended" },
};

START_TEST(players_of_a_calm_script_must_agree)
{
	static struct script script;
	static struct trace one, other;
	char complaint[400];

	load(0, &script, &one);
	load(0, &script, &other);
	ck_assert_int_eq(acceptor_compare(&script, &one, &other, complaint, sizeof(complaint)), 0);
	changes[_i].change(&other);
	ck_assert_int_eq(acceptor_compare(&script, &one, &other, complaint, sizeof(complaint)), -1);
	ck_assert_msg(strstr(complaint, changes[_i].says), "it said: %s", complaint);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference acceptor");
	TCase *cases = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, a_trace_is_ruled_on, 0, sizeof(rulings) / sizeof(rulings[0]));
	tcase_add_test(cases, no_line_of_a_trace_can_be_missing_or_twice);
	tcase_add_loop_test(cases, no_end_that_was_played_can_be_changed, 0,
		sizeof(forgeries) / sizeof(forgeries[0]));
	tcase_add_loop_test(cases, players_of_a_calm_script_must_agree, 0,
		sizeof(changes) / sizeof(changes[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
