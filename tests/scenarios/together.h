/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Two recordings that are read together, what replay does with two -r, for play.c: records are kept
 * until the script ends, then each of the two is a source.
 */
#ifndef TCPCLOSE_TESTS_TOGETHER_H
#define TCPCLOSE_TESTS_TOGETHER_H

#include <stdlib.h>

#include "join.h"
#include "output/output.h"

struct together_source {
	struct segment_with_tail *records; /* none is longer */
	size_t count, next;
};

struct together {
	struct together_source sources[JOIN_SOURCES];
	struct output_join shown;
	int64_t clock; /* what the second shows more than the first */
	int64_t wall_offset;
	struct join *join;
};

static void together_add(struct together *together, const struct record *record)
{
	struct together_source *source = &together->sources[record->source];
	struct record *kept;

	source->records = realloc(source->records, (source->count + 1) * sizeof(*source->records));
	kept = &source->records[source->count++].segment.header;
	memcpy(kept, record, record->length);
	if (!record->source)
		return;
	kept->time += (uint64_t)together->clock;
	if (kept->kind == RECORD_STATE && ((struct state_record *)kept)->born)
		((struct state_record *)kept)->born += (uint64_t)together->clock;
	if (kept->kind == RECORD_WIRE && ((struct wire_record *)kept)->born)
		((struct wire_record *)kept)->born += (uint64_t)together->clock;
}

static const struct record *together_next(void *context)
{
	struct together_source *source = context;

	return source->next < source->count ? &source->records[source->next++].segment.header
					    : NULL;
}

static int together_rewind(void *context)
{
	struct together_source *source = context;

	source->next = 0;
	return 0;
}

static struct together *together_now; /* there is one */

static int64_t together_wall_offset(void *context)
{
	(void)context;
	return together_now->wall_offset;
}

/* All is read once; join_next() gives it again. */
static bool together_begin(struct together *together)
{
	struct record_source sources[JOIN_SOURCES];

	together_now = together;
	for (unsigned int i = 0; i < JOIN_SOURCES; i++)
		sources[i] = (struct record_source){.next = together_next,
						    .rewind = together_rewind,
						    .wall_offset = together_wall_offset,
						    .context = &together->sources[i]};
	together->join = join_new(sources);
	return together->join && !join_estimate(together->join, &together->shown.clock);
}

static void together_end(struct together *together)
{
	join_free(together->join);
	for (unsigned int i = 0; i < JOIN_SOURCES; i++)
		free(together->sources[i].records);
}

#endif
