// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/joined.h"

#include <stddef.h>

/* The first sighting in a recording, or the last. */
static const struct sighting *sighting_in(const struct segment *segment, unsigned int source,
					  bool last)
{
	const struct sighting *found = NULL;

	for (unsigned int i = 0; i < segment->sighting_count && i < SEGMENT_SIGHTINGS; i++)
		if (segment->sightings[i].source == source && (!found || last))
			found = &segment->sightings[i];
	return found;
}

/* What shows that the end 0 is at the first of the recordings; below 0: that it is at the second.
 */
struct votes {
	int exchanges; /* of segments one after the other the one that left there is late elsewhere
			*/
	int order;     /* it was seen there before it was elsewhere: if the clocks agree */
	int alone;     /* only there: the direction in which it left */
};

static int sign_of(int64_t difference)
{
	return (difference > 0) - (difference < 0);
}

static struct votes count_votes(const struct connection_view *view, bool seen[2])
{
	const struct segment *former = NULL;
	struct votes votes = {0};
	int64_t former_delta = 0;

	for (uint32_t i = 0; i < view->segment_count; i++) {
		const struct segment *segment = &view->segments[i];
		const struct sighting *first = sighting_in(segment, 0, false);
		const struct sighting *second = sighting_in(segment, 1, false);
		int side = segment->sender ? -1 : 1;
		int64_t delta;

		seen[0] |= first != NULL;
		seen[1] |= second != NULL;
		if (!first || !second) {
			votes.alone += first ? side : -side;
			continue;
		}
		delta = (int64_t)(second->time - first->time);
		votes.order += side * sign_of(delta);
		if (former && former->sender != segment->sender)
			votes.exchanges += side * sign_of(delta - former_delta);
		former = segment;
		former_delta = delta;
	}
	return votes;
}

void joined_derive(struct connection_view *view)
{
	struct connection_end *ends = view->ends;
	bool seen[2] = {false, false};
	struct votes votes = count_votes(view, seen);
	int vote = votes.exchanges ? votes.exchanges : votes.order ? votes.order : votes.alone;
	bool first = vote >= 0;

	view->joined = seen[0] && seen[1];
	/* A socket is where it is. */
	if (ends[0].has_socket)
		first = ends[0].socket.source == 0;
	else if (ends[1].has_socket)
		first = ends[1].socket.source == 1;
	if (ends[0].has_socket && ends[1].has_socket)
		view->joined = ends[0].socket.source != ends[1].socket.source;
	ends[0].source = !first;
	ends[1].source = first;
}

const struct sighting *joined_sighting(const struct connection_view *view,
				       const struct segment *segment, unsigned int end)
{
	return sighting_in(segment, view->ends[end].source, segment->sender != end);
}

bool joined_delay(const struct connection_view *view, const struct segment *segment, int64_t *delay)
{
	const struct sighting *left = joined_sighting(view, segment, segment->sender);
	const struct sighting *arrived = joined_sighting(view, segment, !segment->sender);

	if (!left || !arrived)
		return false;
	*delay = (int64_t)(arrived->time - left->time);
	return true;
}
