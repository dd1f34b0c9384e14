/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/execute.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char SYNTAX[] = "ERR syntax error", NO_NUMBER[] =
	"ERR value is not an integer or out of range", OUT_OF_MEMORY[] =
	"OOM command not allowed when used memory > 'maxmemory'.";

enum { SECOND_MS = 1000, MS_NS = 1000000 };

static struct text word(const struct execution *execution, uint32_t at)
{
	const struct resp_argument *argument = &execution->resp->arguments[at];

	return (struct text){ execution->data + argument->offset, argument->bytes };
}

static uint32_t count(const struct execution *execution)
{
	return execution->resp->count;
}

static bool is(struct text text, const char *name)
{
	return text.bytes == strlen(name) && !strncasecmp(text.data, name, text.bytes);
}

static bool read_number(const struct execution *execution, uint32_t at, int64_t *number)
{
	struct text text = word(execution, at);

	if (!resp_number(text.data, text.bytes, number))
		return true;
	reply_error(execution->reply, NO_NUMBER);
	return false;
}

/* ---- Of the connection. ---- */

static void ping(const struct execution *execution)
{
	if (count(execution) > 2)
		reply_error(execution->reply,
			    "ERR wrong number of arguments for 'ping' command");
	else if (count(execution) == 2)
		reply_string(execution->reply, word(execution, 1), NULL);
	else
		reply_status(execution->reply, "PONG");
}

static void echo(const struct execution *execution)
{
	reply_string(execution->reply, word(execution, 1), NULL);
}

static void select_base(const struct execution *execution)
{
	int64_t number;

	if (!read_number(execution, 1, &number))
		return;
	if (number)
		reply_error(execution->reply, "ERR DB index is out of range");
	else
		reply_status(execution->reply, "OK");
}

static void quit(const struct execution *execution)
{
	reply_status(execution->reply, "OK");
	execution->reply->ends = true;
}

/* Those that clients ask for when they begin. What we are asked for and don't have isn't there. */
static void config(const struct execution *execution)
{
	static const char *const HAS[][2] = { { "save", "" }, { "appendonly", "no" } };
	struct reply *reply = execution->reply;
	char bytes[24];

	if (!is(word(execution, 1), "get") || count(execution) != 3) {
		reply_error(reply, "ERR unknown subcommand or wrong number of arguments for "
			    "'config' command: there is CONFIG GET of one name");
		return;
	}
	for (size_t i = 0; i < sizeof(HAS) / sizeof(*HAS); i++) {
		if (!is(word(execution, 2), HAS[i][0]))
			continue;
		reply_count(reply, 2);
		reply_word(reply, HAS[i][0]);
		reply_word(reply, HAS[i][1]);
		return;
	}
	if (is(word(execution, 2), "maxmemory")) {
		snprintf(bytes, sizeof(bytes), "%" PRIu64, execution->store->max_bytes);
		reply_count(reply, 2);
		reply_word(reply, "maxmemory");
		reply_word(reply, bytes);
		return;
	}
	reply_count(reply, 0);
}

/* ---- Of one key. ---- */

static void get(const struct execution *execution)
{
	struct value *value = store_get(execution->store, word(execution, 1), execution->now_ns);

	if (value)
		reply_string(execution->reply, (struct text){ value->data, value->bytes }, value);
	else
		reply_none(execution->reply);
}

struct setting {
	bool only_new, only_old, keeps_due, gives_old;
	uint64_t due_ns;
};

/* unit_ms: of the number. False: it makes no sense, which has been said. */
static bool read_due(const struct execution *execution, uint32_t at, int64_t unit_ms,
		     const char *command, bool past, uint64_t *due_ns)
{
	int64_t number, ns;

	if (!read_number(execution, at, &number))
		return false;
	if ((number <= 0 && !past) || __builtin_mul_overflow(number, unit_ms * MS_NS, &ns) ||
	    __builtin_add_overflow((int64_t)execution->now_ns, ns, &ns)) {
		reply_error(execution->reply, "ERR invalid expire time in '%s' command", command);
		return false;
	}
	*due_ns = ns > 0 ? (uint64_t)ns : 0;
	return true;
}

static bool read_setting(const struct execution *execution, struct setting *setting)
{
	*setting = (struct setting){ .due_ns = STORE_FOREVER };
	for (uint32_t at = 3; at < count(execution); at++) {
		struct text text = word(execution, at);
		bool seconds = is(text, "ex"), due = seconds || is(text, "px");
		bool timed = setting->due_ns != STORE_FOREVER || setting->keeps_due;

		if (due && !timed && at + 1 < count(execution)) {
			if (!read_due(execution, ++at, seconds ? SECOND_MS : 1, "set", false,
				      &setting->due_ns))
				return false;
		} else if (is(text, "nx") && !setting->only_old) {
			setting->only_new = true;
		} else if (is(text, "xx") && !setting->only_new) {
			setting->only_old = true;
		} else if (is(text, "keepttl") && !timed) {
			setting->keeps_due = true;
		} else if (is(text, "get")) {
			setting->gives_old = true;
		} else {
			reply_error(execution->reply, SYNTAX);
			return false;
		}
	}
	return true;
}

static void answer_set(const struct execution *execution, const struct setting *setting,
		       struct value *old, int status)
{
	if (status == -ENOMEM)
		reply_error(execution->reply, OUT_OF_MEMORY);
	else if (setting->gives_old && old)
		reply_string(execution->reply, (struct text){ old->data, old->bytes }, old);
	else if (setting->gives_old || status)
		reply_none(execution->reply);
	else
		reply_status(execution->reply, "OK");
}

static void set(const struct execution *execution)
{
	struct store *store = execution->store;
	struct text key = word(execution, 1);
	struct value *old;
	struct setting setting;
	int status = -EEXIST; /* or the other way round */

	if (!read_setting(execution, &setting))
		return;
	old = store_get(store, key, execution->now_ns);
	if (old)
		value_hold(old);
	if (setting.keeps_due && old)
		setting.due_ns = store_due_ns(store, key, execution->now_ns);
	if (!(setting.only_new && old) && !(setting.only_old && !old))
		status = store_set(store, key, word(execution, 2), setting.due_ns);
	answer_set(execution, &setting, old, status);
	if (old)
		value_drop(store, old);
}

static void add(const struct execution *execution, int64_t amount)
{
	struct store *store = execution->store;
	struct text key = word(execution, 1);
	const struct value *old = store_get(store, key, execution->now_ns);
	uint64_t due_ns = old ? store_due_ns(store, key, execution->now_ns) : STORE_FOREVER;
	int64_t number = 0;
	char digits[24];
	int length;

	if (old && resp_number(old->data, old->bytes, &number)) {
		reply_error(execution->reply, NO_NUMBER);
		return;
	}
	if (__builtin_add_overflow(number, amount, &number)) {
		reply_error(execution->reply, "ERR increment or decrement would overflow");
		return;
	}
	length = snprintf(digits, sizeof(digits), "%" PRId64, number);
	if (store_set(store, key, (struct text){ digits, (size_t)length }, due_ns))
		reply_error(execution->reply, OUT_OF_MEMORY);
	else
		reply_number(execution->reply, number);
}

static void incr(const struct execution *execution)
{
	add(execution, 1);
}

static void decr(const struct execution *execution)
{
	add(execution, -1);
}

static void incrby(const struct execution *execution)
{
	int64_t amount;

	if (read_number(execution, 2, &amount))
		add(execution, amount);
}

/* ---- Of when a key goes. ---- */

static void expire_in(const struct execution *execution, int64_t unit_ms, const char *command)
{
	struct store *store = execution->store;
	struct text key = word(execution, 1);
	uint64_t due_ns;
	int status;

	if (!read_due(execution, 2, unit_ms, command, true, &due_ns))
		return;
	status = store_expire(store, key, due_ns, execution->now_ns);
	if (status == -ENOMEM)
		reply_error(execution->reply, OUT_OF_MEMORY);
	else
		reply_number(execution->reply, status == 0);
}

static void expire(const struct execution *execution)
{
	expire_in(execution, SECOND_MS, "expire");
}

static void pexpire(const struct execution *execution)
{
	expire_in(execution, 1, "pexpire");
}

static void persist(const struct execution *execution)
{
	struct text key = word(execution, 1);
	uint64_t due_ns = store_due_ns(execution->store, key, execution->now_ns);
	bool timed = due_ns && due_ns != STORE_FOREVER;

	if (timed)
		store_expire(execution->store, key, STORE_FOREVER, execution->now_ns);
	reply_number(execution->reply, timed);
}

/* -2: there is no such key; -1: it stays. */
static int64_t left_ms(const struct execution *execution)
{
	uint64_t due_ns = store_due_ns(execution->store, word(execution, 1), execution->now_ns);

	if (!due_ns)
		return -2;
	if (due_ns == STORE_FOREVER)
		return -1;
	return (int64_t)((due_ns - execution->now_ns + MS_NS - 1) / MS_NS);
}

static void pttl(const struct execution *execution)
{
	reply_number(execution->reply, left_ms(execution));
}

static void ttl(const struct execution *execution)
{
	int64_t ms = left_ms(execution);

	reply_number(execution->reply, ms < 0 ? ms : (ms + SECOND_MS / 2) / SECOND_MS);
}

/* ---- Of several keys. ---- */

static void del(const struct execution *execution)
{
	int64_t deleted = 0;

	for (uint32_t at = 1; at < count(execution); at++)
		deleted += store_delete(execution->store, word(execution, at), execution->now_ns);
	reply_number(execution->reply, deleted);
}

static void exists(const struct execution *execution)
{
	int64_t found = 0;

	for (uint32_t at = 1; at < count(execution); at++)
		found += store_get(execution->store, word(execution, at), execution->now_ns) != NULL;
	reply_number(execution->reply, found);
}

static void dbsize(const struct execution *execution)
{
	reply_number(execution->reply, (int64_t)store_count(execution->store));
}

static void flushall(const struct execution *execution)
{
	store_clear(execution->store);
	reply_status(execution->reply, "OK");
}

/* ---- All of them. ---- */

static void command(const struct execution *execution);

static const struct command {
	const char *name;
	int words; /* with its own; negative: at least so many */
	int first_key, last_key;
	void (*run)(const struct execution *execution);
} COMMANDS[] = {
	{ "get", 2, 1, 1, get },	 { "set", -3, 1, 1, set },
	{ "del", -2, 1, -1, del },	 { "incr", 2, 1, 1, incr },
	{ "decr", 2, 1, 1, decr },	 { "incrby", 3, 1, 1, incrby },
	{ "exists", -2, 1, -1, exists }, { "expire", 3, 1, 1, expire },
	{ "pexpire", 3, 1, 1, pexpire }, { "persist", 2, 1, 1, persist },
	{ "ttl", 2, 1, 1, ttl },	 { "pttl", 2, 1, 1, pttl },
	{ "ping", -1, 0, 0, ping },	 { "echo", 2, 0, 0, echo },
	{ "select", 2, 0, 0, select_base }, { "quit", -1, 0, 0, quit },
	{ "dbsize", 1, 0, 0, dbsize },	 { "flushall", -1, 0, 0, flushall },
	{ "config", -2, 0, 0, config },	 { "command", -1, 0, 0, command },
};

enum { COMMANDS_COUNT = sizeof(COMMANDS) / sizeof(*COMMANDS) };

/* COMMAND, COMMAND COUNT; the rest, as DOCS, has nothing to say here. */
static void command(const struct execution *execution)
{
	struct reply *reply = execution->reply;

	if (count(execution) > 1 && is(word(execution, 1), "count")) {
		reply_number(reply, COMMANDS_COUNT);
		return;
	}
	reply_count(reply, count(execution) > 1 ? 0 : COMMANDS_COUNT);
	for (size_t i = 0; count(execution) == 1 && i < COMMANDS_COUNT; i++) {
		reply_count(reply, 6);
		reply_word(reply, COMMANDS[i].name);
		reply_number(reply, COMMANDS[i].words);
		reply_count(reply, 0);
		reply_number(reply, COMMANDS[i].first_key);
		reply_number(reply, COMMANDS[i].last_key);
		reply_number(reply, COMMANDS[i].first_key);
	}
}

static const struct command *find(struct text name)
{
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		if (is(name, COMMANDS[i].name))
			return &COMMANDS[i];
	}
	return NULL;
}

/* With the first of its arguments, as far as they are short. */
static void refuse(const struct execution *execution)
{
	enum { SHOWN_MAX = 128, QUOTES = 3 };
	char shown[SHOWN_MAX + QUOTES + 1] = "";
	struct text name = word(execution, 0);
	size_t used = 0;

	for (uint32_t at = 1; at < count(execution) && used < SHOWN_MAX; at++) {
		struct text text = word(execution, at);
		size_t room = SHOWN_MAX - used;

		used += (size_t)snprintf(shown + used, sizeof(shown) - used, "'%.*s' ",
					 (int)(text.bytes < room ? text.bytes : room), text.data);
	}
	reply_error(execution->reply, "ERR unknown command '%.*s', with args beginning with: %s",
		    (int)(name.bytes < SHOWN_MAX ? name.bytes : SHOWN_MAX), name.data, shown);
}

void execute(const struct execution *execution)
{
	const struct command *found = find(word(execution, 0));
	int words = (int)count(execution);

	if (!found)
		refuse(execution);
	else if (found->words > 0 ? words != found->words : words < -found->words)
		reply_error(execution->reply, "ERR wrong number of arguments for '%s' command",
			    found->name);
	else
		found->run(execution);
}
