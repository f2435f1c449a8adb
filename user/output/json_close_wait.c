// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/facts.h"
#include "output/frames.h"
#include "output/json_values.h"
#include "output/leaks.h"

/* ,"name":"value" of a string from outside, if there is one. */
#define ADD_OUTSIDE(out, name, value, limit)                                                       \
	add_outside(out, ",\"" name "\":", sizeof(",\"" name "\":") - 1, value, limit)
/* ,"name":"0x1234" */
#define ADD_HEX(out, name, number)                                                                 \
	(buffer_add_literal(out, ",\"" name "\":\"0x"), buffer_add_hex(out, number, 1),            \
	 buffer_add_char(out, '"'))

static void add_outside(struct buffer *out, const char *name, size_t length, const char *value,
			size_t limit)
{
	if (!value || !value[0])
		return;
	buffer_add(out, name, length);
	buffer_add_json(out, value, limit);
}

static void add_time(struct output *output, uint64_t time)
{
	buffer_add_char(&output->out, '"');
	buffer_add_timestamp(&output->out, output_wall(&output->options, time));
	buffer_add_char(&output->out, '"');
}

/* Makes an object of what follows start, members with a comma before each. */
static void make_object(struct buffer *out, size_t start)
{
	if (out->length > start)
		out->data[start] = '{';
	else
		buffer_add_char(out, '{');
	buffer_add_char(out, '}');
}

static void add_frame(struct buffer *out, const struct stack_frame *frame)
{
	size_t start = out->length;

	ADD_HEX(out, "address", frame->address);
	ADD_OUTSIDE(out, "function", frame->function, SIZE_MAX);
	ADD_OUTSIDE(out, "file", frame->file, SIZE_MAX);
	if (frame->line)
		ADD_UNSIGNED(out, "line", frame->line);
	ADD_OUTSIDE(out, "module", frame->module, SIZE_MAX);
	if (frame->module)
		ADD_HEX(out, "offset", frame->offset);
	if (frame->inlined)
		ADD_BOOL(out, "inlined", true);
	make_object(out, start);
}

static void add_stack(struct buffer *out, const struct stack *stack)
{
	if (!stack)
		return;
	buffer_add_literal(out, ",\"stack\":[");
	for (uint32_t i = 0; i < stack->count; i++) {
		if (i)
			buffer_add_char(out, ',');
		add_frame(out, &stack->frames[i]);
	}
	buffer_add_literal(out, "],\"stack_end\":");
	add_name(out, stack_end_name(stack->end));
}

static void add_holder(struct buffer *out, const struct close_wait_holder *holder)
{
	buffer_add_char(out, '{');
	json_add_task(out, holder->pid, holder->comm);
	if (holder->fd >= 0)
		ADD_UNSIGNED(out, "fd", (uint32_t)holder->fd);
	ADD_OUTSIDE(out, "cgroup", holder->cgroup, CGROUP_PATH_LIMIT);
	ADD_OUTSIDE(out, "container", holder->container, SIZE_MAX);
	ADD_OUTSIDE(out, "engine", holder->engine, SIZE_MAX);
	ADD_OUTSIDE(out, "unit", holder->unit, SIZE_MAX);
	ADD_OUTSIDE(out, "pod", holder->pod, SIZE_MAX);
	if (holder->foreign)
		ADD_BOOL(out, "other_pid_namespace", true);
	if (holder->stopped)
		ADD_BOOL(out, "stopped", true);
	buffer_add_char(out, '}');
}

/* Empty when it is known that there are none. */
static void add_holders(struct buffer *out, const struct close_wait_report *report)
{
	if (!report->holders_known && !report->holder_count)
		return;
	buffer_add_literal(out, ",\"holders\":[");
	for (uint32_t i = 0; i < report->holder_count; i++) {
		if (i)
			buffer_add_char(out, ',');
		add_holder(out, &report->holders[i]);
	}
	buffer_add_char(out, ']');
}

static void add_caller(struct buffer *out, const struct task *task)
{
	if (!task->pid)
		return;
	buffer_add_char(out, ',');
	json_add_task(out, task->pid, task->comm);
	ADD_UNSIGNED(out, "tid", task->tid);
}

/* The members of a call; none if nothing is known of it. */
static void add_step(struct output *output, const struct close_wait_step *step)
{
	const char *how = owner_how_name(step->how);
	struct buffer *out = &output->out;

	if (how) {
		buffer_add_literal(out, ",\"how\":");
		add_name(out, how);
	}
	add_caller(out, &step->task);
	if (step->time) {
		buffer_add_literal(out, ",\"ts\":");
		add_time(output, step->time);
	}
	add_stack(out, step->stack);
}

static void add_created(struct output *output, const struct close_wait_step *created)
{
	struct buffer *out = &output->out;
	size_t start;

	if (!created->how && !created->task.pid && !created->time && !created->stack)
		return;
	buffer_add_literal(out, ",\"created\":");
	start = out->length;
	add_step(output, created);
	make_object(out, start);
}

static void add_last_read(struct output *output, const struct close_wait_report *report)
{
	struct buffer *out = &output->out;
	size_t start;

	if (!report->last_read.time)
		return;
	buffer_add_literal(out, ",\"last_read\":");
	start = out->length;
	ADD_UNSIGNED(out, "bytes", report->last_read_bytes);
	add_step(output, &report->last_read);
	make_object(out, start);
}

void json_close_wait(struct output *output, const struct close_wait_report *report)
{
	static const uint64_t no_id[2];
	struct buffer *out = &output->out;

	json_add_identity(output, "close_wait", no_id, report->time);
	json_add_ends(out, &report->flow, report->netns, 0);
	if (report->since) {
		buffer_add_literal(out, ",\"since\":");
		add_time(output, report->since);
		ADD_UNSIGNED(out, "age_ns", report->age);
	} else {
		ADD_UNSIGNED(out, "at_least_ns", report->age);
	}
	ADD_UNSIGNED(out, "unread_bytes", report->unread_bytes);
	ADD_BOOL(out, "eof_read", report->eof_read);
	ADD_BOOL(out, "accepted", report->accepted);
	ADD_UNSIGNED(out, "uid", report->uid);
	json_add_cgroup(output, 0, report->cgroup);
	add_holders(out, report);
	add_created(output, &report->created);
	add_last_read(output, report);
	buffer_add_literal(out, "}\n");
}

static void add_growth(struct buffer *out, int64_t thousandths)
{
	uint64_t amount = (uint64_t)thousandths;

	buffer_add_literal(out, ",\"growth_per_min\":");
	if (thousandths < 0) {
		buffer_add_char(out, '-');
		amount = 0 - amount;
	}
	buffer_add_fixed(out, amount, 1000, 3);
}

/* Who holds them. */
static void add_program(struct buffer *out, const struct close_wait_group *group)
{
	ADD_OUTSIDE(out, "comm", group->comm, sizeof(group->comm));
	if (group->pid)
		ADD_UNSIGNED(out, "pid", group->pid);
	ADD_UNSIGNED(out, "processes", group->processes);
	ADD_BOOL(out, "held", group->held);
	ADD_BOOL(out, "accepted", group->accepted);
}

static void add_peers(struct buffer *out, const struct close_wait_group *group)
{
	uint32_t count = group->peer_count;

	if (count > CLOSE_WAIT_PEERS)
		count = CLOSE_WAIT_PEERS;
	buffer_add_literal(out, ",\"peers\":[");
	for (uint32_t i = 0; i < count; i++) {
		buffer_add_string(out, i ? ",{\"addr\":\"" : "{\"addr\":\"");
		buffer_add_address(out, group->peers[i].address);
		buffer_add_char(out, '"');
		ADD_UNSIGNED(out, "count", group->peers[i].count);
		buffer_add_char(out, '}');
	}
	buffer_add_char(out, ']');
	ADD_UNSIGNED(out, "all_peers", group->all_peers);
}

/* What could not be kept makes the numbers of every group too small. */
static void add_losses(struct buffer *out, const struct close_wait_view *view)
{
	if (view->dropped)
		ADD_UNSIGNED(out, "dropped", view->dropped);
	if (view->origins_lost)
		ADD_UNSIGNED(out, "origins_lost", view->origins_lost);
	if (view->stacks_lost)
		ADD_UNSIGNED(out, "stacks_lost", view->stacks_lost);
}

static void add_group(struct output *output, const struct close_wait_view *view,
		      const struct close_wait_group *group)
{
	static const uint64_t no_id[2];
	const char *how = owner_how_name(group->how);
	struct buffer *out = &output->out;

	json_add_identity(output, "close_wait_group", no_id, view->time);
	ADD_UNSIGNED(out, "count", group->count);
	ADD_UNSIGNED(out, "oldest_ns", group->oldest);
	if (group->oldest_at_least)
		ADD_BOOL(out, "oldest_at_least", true);
	add_growth(out, group->growth_per_min);
	buffer_add_literal(out, ",\"trend\":");
	add_name(out, trend_name(group->trend));
	add_program(out, group);
	if (how) {
		buffer_add_literal(out, ",\"how\":");
		add_name(out, how);
	}
	add_stack(out, group->stack);
	ADD_UNSIGNED(out, "eof_read", group->eof_read);
	ADD_UNSIGNED(out, "unread_bytes", group->unread_bytes);
	if (group->port)
		ADD_UNSIGNED(out, "port", group->port);
	if (group->netns)
		ADD_UNSIGNED(out, "netns", group->netns);
	add_peers(out, group);
	ADD_OUTSIDE(out, "advice", group->advice, SIZE_MAX);
	ADD_OUTSIDE(out, "kill_hint", group->kill, SIZE_MAX);
	ADD_UNSIGNED(out, "threshold_ns", view->threshold);
	ADD_UNSIGNED(out, "in_close_wait", view->in_close_wait);
	ADD_UNSIGNED(out, "suspects", view->suspects);
	add_losses(out, view);
	if (view->final)
		ADD_BOOL(out, "final", true);
	buffer_add_literal(out, "}\n");
}

void json_close_wait_view(struct output *output, const struct close_wait_view *view)
{
	for (size_t i = 0; i < view->fresh_count; i++)
		json_close_wait(output, view->fresh[i]);
	for (size_t i = 0; i < view->group_count; i++)
		add_group(output, view, &view->groups[i]);
}
