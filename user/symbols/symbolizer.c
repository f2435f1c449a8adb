// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "symbols/symbolizer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/map.h"
#include "host/clock.h"
#include "symbols/demangle.h"
#include "symbols/symbol_message.h"
#include "symbols/symbol_process.h"

#define SECOND UINT64_C(1000000000)
#define QUESTION_TIME (5 * SECOND)
#define SENT_LIMIT 4 /* so that their packets fit into the socket */
#define HANG_LIMIT 3 /* stacks of one process that took too long, in a row */

/* A stack that was asked for. */
struct kept_stack {
	struct map_link link;
	struct kept_stack *next;  /* of all */
	struct kept_stack *later; /* of the questions */
	uint32_t pid;
	uint64_t key;
	bool found; /* since the last sweep */
	uint64_t id;
	struct buffer question; /* until it is answered */
	struct stack stack;
};

struct symbolizer {
	struct map by_key;
	struct kept_stack *all;
	size_t count;
	struct kept_stack *first; /* question; the first `sent` ones are with the process */
	struct kept_stack **end;
	unsigned int sent;
	uint64_t ids;
	struct symbol_process process;
	int timer;
	uint64_t deadline; /* of the first question that is sent */
	uint32_t slow;     /* pid whose stack took too long last, and how many in a row */
	unsigned int hangs;
	bool changed; /* a stack, since the last symbolizer_take() */
	_Alignas(uint64_t) char answer[SYMBOL_MESSAGE];
};

struct symbolizer *symbolizer_new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	if (map_init(&symbolizer->by_key)) {
		free(symbolizer);
		return NULL;
	}
	symbolizer->end = &symbolizer->first;
	symbolizer->timer = -1;
	symbolizer->deadline = UINT64_MAX;
	symbol_process_init(&symbolizer->process);
	/* Here, as a process that is started when system calls are filtered loads no library. */
	demangle_init();
	return symbolizer;
}

static void kept_free(struct kept_stack *kept)
{
	buffer_done(&kept->question);
	free((void *)kept->stack.frames);
	free(kept);
}

void symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	symbol_process_done(&symbolizer->process);
	for (struct kept_stack *kept = symbolizer->all, *next; kept; kept = next) {
		next = kept->next;
		kept_free(kept);
	}
	if (symbolizer->timer >= 0)
		close(symbolizer->timer);
	if (symbolizer->process.events >= 0)
		close(symbolizer->process.events);
	map_done(&symbolizer->by_key);
	free(symbolizer);
}

/* The epoll descriptor and the timer, at the first question. */
static int open_events(struct symbolizer *symbolizer)
{
	struct epoll_event event = {.events = EPOLLIN};
	int events, timer, error;

	if (symbolizer->process.events >= 0)
		return 0;
	events = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (events >= 0 && timer >= 0 && epoll_ctl(events, EPOLL_CTL_ADD, timer, &event) == 0) {
		symbolizer->process.events = events;
		symbolizer->timer = timer;
		return 0;
	}
	error = -errno;
	if (events >= 0)
		close(events);
	if (timer >= 0)
		close(timer);
	return error;
}

/* UINT64_MAX: there is none. */
static void set_deadline(struct symbolizer *symbolizer, uint64_t deadline)
{
	struct itimerspec at = {};

	symbolizer->deadline = deadline;
	if (deadline != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(deadline / SECOND);
		at.it_value.tv_nsec = (long)(deadline % SECOND);
	}
	timerfd_settime(symbolizer->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static uint64_t hash_of(uint32_t pid, uint64_t key)
{
	return hash_join(hash_mix(key), pid);
}

static struct kept_stack *find(const struct symbolizer *symbolizer, uint32_t pid, uint64_t key)
{
	for (struct map_link *link = map_first(&symbolizer->by_key, hash_of(pid, key)); link;
	     link = map_next(link)) {
		struct kept_stack *kept = container_of(link, struct kept_stack, link);

		if (kept->pid == pid && kept->key == key)
			return kept;
	}
	return NULL;
}

const struct stack *symbolizer_find(struct symbolizer *symbolizer, uint32_t pid, uint64_t key)
{
	struct kept_stack *kept = find(symbolizer, pid, key);

	if (!kept)
		return NULL;
	kept->found = true;
	return &kept->stack;
}

/* The addresses, as long as that is all that is known. */
static bool keep_addresses(struct stack *stack, const struct raw_stack *raw)
{
	uint32_t count = raw->chain_count < SYMBOL_FRAMES ? raw->chain_count : SYMBOL_FRAMES;
	const uint64_t *chain = count ? raw->chain : &raw->ip;
	struct stack_frame *frames;

	if (!count && raw->ip)
		count = 1;
	frames = calloc(count + !count, sizeof(*frames));
	if (!frames)
		return false;
	for (uint32_t i = 0; i < count; i++)
		frames[i].address = chain[i];
	*stack = (struct stack){frames, count, STACK_PENDING};
	return true;
}

/* The first question is done with, whether it was sent or not. */
static void first_done(struct symbolizer *symbolizer)
{
	struct kept_stack *kept = symbolizer->first;

	symbolizer->first = kept->later;
	if (!symbolizer->first)
		symbolizer->end = &symbolizer->first;
	kept->later = NULL;
	buffer_done(&kept->question);
	if (symbolizer->sent)
		symbolizer->sent--;
	set_deadline(symbolizer, symbolizer->sent ? clock_boot() + QUESTION_TIME : UINT64_MAX);
}

static void first_unreadable(struct symbolizer *symbolizer)
{
	symbolizer->first->stack.end = STACK_UNREADABLE;
	symbolizer->changed = true;
	first_done(symbolizer);
}

/* The process died of the first question, or was killed for it. That one is not asked again; the
 * ones behind it are. */
static void process_lost(struct symbolizer *symbolizer)
{
	symbol_process_kill(&symbolizer->process);
	if (symbolizer->sent)
		first_unreadable(symbolizer);
	symbolizer->sent = 0;
	set_deadline(symbolizer, UINT64_MAX);
}

static void count_hang(struct symbolizer *symbolizer, uint32_t pid)
{
	symbolizer->hangs = symbolizer->slow == pid ? symbolizer->hangs + 1 : 1;
	symbolizer->slow = pid;
}

/* A process whose stacks always take too long would keep those of others waiting. */
static bool is_hopeless(const struct symbolizer *symbolizer, uint32_t pid)
{
	return symbolizer->slow == pid && symbolizer->hangs >= HANG_LIMIT;
}

static bool send_question(struct symbolizer *symbolizer, const struct kept_stack *kept)
{
	ssize_t sent;

	do
		sent = send(symbolizer->process.socket, kept->question.data, kept->question.length,
			    MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return false;
	if (!symbolizer->sent++)
		set_deadline(symbolizer, clock_boot() + QUESTION_TIME);
	return true;
}

/* Sends what may be sent. */
static void send_questions(struct symbolizer *symbolizer)
{
	while (symbolizer->sent < SENT_LIMIT) {
		struct kept_stack *kept = symbolizer->first;
		bool hopeless;

		for (unsigned int i = 0; i < symbolizer->sent && kept; i++)
			kept = kept->later;
		if (!kept)
			return;
		hopeless = is_hopeless(symbolizer, kept->pid);
		if (!hopeless && !symbolizer->process.pid)
			symbol_process_start(&symbolizer->process);
		if (!hopeless && symbolizer->process.pid && send_question(symbolizer, kept))
			continue;
		if (symbolizer->sent)
			return; /* its turn comes when it is the first */
		/* No process, or one that takes nothing though it has nothing. */
		if (!hopeless)
			symbol_process_kill(&symbolizer->process);
		first_unreadable(symbolizer);
	}
}

const struct stack *symbolizer_ask(struct symbolizer *symbolizer, const struct raw_stack *raw)
{
	struct kept_stack *kept = find(symbolizer, raw->pid, raw->key);

	if (kept)
		return &kept->stack;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	kept->pid = raw->pid;
	kept->key = raw->key;
	kept->found = true;
	kept->id = ++symbolizer->ids;
	symbol_question_pack(&kept->question, kept->id, raw);
	if (kept->question.failed || !keep_addresses(&kept->stack, raw) ||
	    open_events(symbolizer)) {
		kept_free(kept);
		return NULL;
	}
	map_add(&symbolizer->by_key, &kept->link, hash_of(kept->pid, kept->key));
	kept->next = symbolizer->all;
	symbolizer->all = kept;
	symbolizer->count++;
	*symbolizer->end = kept;
	symbolizer->end = &kept->later;
	send_questions(symbolizer);
	return &kept->stack;
}

int symbolizer_descriptor(const struct symbolizer *symbolizer)
{
	return symbolizer->process.events;
}

/* Takes one answer. 1: there may be more, 0: there is none now, or a negative errno if the process
 * is gone or says what it should not. */
static int take_answer(struct symbolizer *symbolizer)
{
	struct kept_stack *kept = symbolizer->first;
	struct stack stack;
	ssize_t length;
	int error;

	do
		length = recv(symbolizer->process.socket, symbolizer->answer,
			      sizeof(symbolizer->answer), MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (length == 0)
		return -EPIPE;
	if (!symbolizer->sent || length > (ssize_t)sizeof(symbolizer->answer))
		return -EBADMSG;
	error = symbol_answer_parse(symbolizer->answer, (size_t)length, kept->id, &stack);
	if (error == -EBADMSG)
		return error;
	if (error) {
		first_unreadable(symbolizer);
		return 1;
	}
	free((void *)kept->stack.frames);
	kept->stack = stack;
	symbolizer->changed = true;
	if (symbolizer->slow == kept->pid)
		symbolizer->hangs = 0;
	first_done(symbolizer);
	return 1;
}

bool symbolizer_take(struct symbolizer *symbolizer)
{
	bool changed, late;
	int taken = 0;

	if (symbolizer->process.events < 0)
		return false;
	symbol_process_reap(&symbolizer->process);
	while (symbolizer->process.socket >= 0 && (taken = take_answer(symbolizer)) > 0)
		;
	late = symbolizer->sent && clock_boot() >= symbolizer->deadline;
	if (late)
		count_hang(symbolizer, symbolizer->first->pid);
	if (late || taken < 0)
		process_lost(symbolizer);
	send_questions(symbolizer);
	changed = symbolizer->changed;
	symbolizer->changed = false;
	return changed;
}

void symbolizer_wait(struct symbolizer *symbolizer, uint64_t deadline)
{
	struct pollfd events = {.fd = symbolizer->process.events, .events = POLLIN};

	while (symbolizer->first) {
		symbolizer_take(symbolizer);
		if (!symbolizer->first || clock_boot() >= deadline)
			return;
		poll(&events, 1,
		     clock_timeout(deadline < symbolizer->deadline ? deadline
								   : symbolizer->deadline));
	}
}

uint64_t symbolizer_deadline(const struct symbolizer *symbolizer)
{
	return symbolizer->deadline;
}

void symbolizer_sweep(struct symbolizer *symbolizer, size_t limit)
{
	struct kept_stack **at = &symbolizer->all, *kept;
	bool over = symbolizer->count > limit;

	while ((kept = *at)) {
		if (!over || kept->found || kept->stack.end == STACK_PENDING) {
			kept->found = false;
			at = &kept->next;
			continue;
		}
		*at = kept->next;
		map_remove(&symbolizer->by_key, &kept->link);
		symbolizer->count--;
		kept_free(kept);
	}
}
