// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/conversation.h"

#define OPTION_END 0
#define OPTION_NOTHING 1
#define OPTION_WINDOW_SCALE 3
#define WINDOW_SCALE_MAX 14 /* RFC 7323, 2.3 */
/* What comes later than this is not late because others overtook it: the round trip of the
 * handshake, or when that is not known. Wireshark's bounds, too. */
#define OVERTAKEN_WITHIN 3000000

void conversation_begin(struct conversation *conversation, uint32_t stream)
{
	for (unsigned int end = 0; end < 2; end++)
		conversation->ends[end] = (struct conversation_end){.wscale = SCALE_UNKNOWN};
	conversation->born = conversation->syn = conversation->initial_rtt = 0;
	conversation->stream = stream;
	conversation->role = ROLE_UNKNOWN;
	conversation->completeness = 0;
	conversation->notes = CONVERSATION_NEWS;
}

bool conversation_is_another(const struct conversation *conversation,
			     const struct conversation_segment *take)
{
	const struct conversation_end *from = &conversation->ends[take->sender];

	return (take->segment->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN &&
	       from->isn_how != WIRE_ISN_UNKNOWN && from->isn != take->segment->seq;
}

bool conversation_is_over(const struct conversation *conversation)
{
	return conversation->completeness & WIRE_HAS_RST ||
	       (conversation->ends[0].fin & conversation->ends[1].fin & FIN_ACKED);
}

/* The shift that the header's options ask for, or SCALE_UNKNOWN: none, as far as they were
 * captured. */
static uint8_t window_scale(const struct conversation_segment *take)
{
	const uint8_t *at, *end;

	if (!take->tcp)
		return SCALE_UNKNOWN;
	at = (const uint8_t *)(take->tcp + 1);
	end = (const uint8_t *)take->tcp + (take->tcp->offset >> 4) * 4;
	if (end > (const uint8_t *)take->end)
		end = take->end;
	while (at < end && *at != OPTION_END) {
		if (*at == OPTION_NOTHING) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			break;
		if (at[0] == OPTION_WINDOW_SCALE && at[1] == 3)
			return at[2] > WINDOW_SCALE_MAX ? WINDOW_SCALE_MAX : at[2];
		at += at[1];
	}
	return SCALE_UNKNOWN;
}

/* In force only when both SYNs have it (RFC 7323, 2.2). */
static void take_scale(struct conversation_end *from, struct conversation_end *to, uint8_t scale,
		       bool answer)
{
	if (scale != SCALE_UNKNOWN)
		from->wscale = scale;
	if (from->wscale == SCALE_UNKNOWN)
		from->wscale = to->wscale = SCALE_NONE;
	else if (answer && to->wscale == SCALE_NONE)
		from->wscale = SCALE_NONE;
}

static void set_isn(struct conversation_end *end, uint32_t isn, enum wire_isn how)
{
	end->isn = isn;
	end->isn_how = (uint8_t)how;
	end->next = isn + 1;
}

static void take_syn(struct conversation *conversation, const struct conversation_segment *take)
{
	struct conversation_end *from = &conversation->ends[take->sender];
	struct conversation_end *to = &conversation->ends[!take->sender];
	const struct tcp_segment *segment = take->segment;
	bool answer = segment->flags & SEGMENT_ACK;

	if (from->isn_how == WIRE_ISN_UNKNOWN || from->isn != segment->seq) {
		from->bytes = 0;
		set_isn(from, segment->seq, WIRE_ISN_SYN);
	}
	from->isn_how = WIRE_ISN_SYN;
	if (answer && to->isn_how == WIRE_ISN_UNKNOWN)
		set_isn(to, segment->ack - 1, WIRE_ISN_SYN);
	take_scale(from, to, window_scale(take), answer);
	conversation->role = answer == (take->sender == 0) ? ROLE_SERVER : ROLE_CLIENT;
	conversation->notes |= CONVERSATION_NEWS;
	if (answer)
		return;
	conversation->syn = take->time;
	if (!conversation->born)
		conversation->born = take->time;
}

/* Without a SYN the first numbers seen count from 1, as in Wireshark. */
static void assume_numbers(struct conversation *conversation,
			   const struct conversation_segment *take)
{
	struct conversation_end *from = &conversation->ends[take->sender];
	struct conversation_end *to = &conversation->ends[!take->sender];

	if (from->isn_how == WIRE_ISN_UNKNOWN)
		set_isn(from, take->segment->seq - 1, WIRE_ISN_ASSUMED);
	if (to->isn_how == WIRE_ISN_UNKNOWN && take->segment->flags & SEGMENT_ACK)
		set_isn(to, take->segment->ack - 1, WIRE_ISN_ASSUMED);
}

/* A SYN counts where a connection begins with it; it may have data (RFC 7413). */
static uint8_t completeness_of(const struct conversation *conversation,
			       const struct tcp_segment *segment)
{
	uint8_t flags = segment->flags & (SEGMENT_SYN | SEGMENT_ACK);
	uint8_t found = conversation->completeness;

	if (flags == SEGMENT_SYN && !(conversation->notes & CONVERSATION_HEARD))
		found |= WIRE_HAS_SYN | (segment->payload ? WIRE_HAS_DATA : 0);
	else if (flags == (SEGMENT_SYN | SEGMENT_ACK))
		found |= WIRE_HAS_SYN_ACK;
	else if (flags == SEGMENT_ACK)
		found |= segment->payload ? WIRE_HAS_DATA : WIRE_HAS_ACK;
	if (segment->flags & SEGMENT_FIN && segment->flags & SEGMENT_ACK)
		found |= WIRE_HAS_FIN;
	if (segment->flags & SEGMENT_RST)
		found |= WIRE_HAS_RST;
	return found;
}

/* It has sent all up to `next`, whether the capture has it or not. */
static void advance(struct conversation *conversation, struct conversation_end *end, uint32_t next)
{
	int32_t grown = (int32_t)(next - end->next);

	if (grown <= 0)
		return;
	end->bytes += (uint32_t)grown;
	end->next = next;
	conversation->notes |= CONVERSATION_NEWS;
}

/* What a RST says need not be the sender's (RFC 9293, 3.10.7.1): it is not asked. */
static void take_numbers(struct conversation *conversation, const struct conversation_segment *take)
{
	struct conversation_end *from = &conversation->ends[take->sender];
	struct conversation_end *to = &conversation->ends[!take->sender];
	const struct tcp_segment *segment = take->segment;

	advance(conversation, from,
		segment->seq + segment->payload + !!(segment->flags & SEGMENT_SYN));
	if (segment->flags & SEGMENT_ACK)
		advance(conversation, to, segment->ack);
}

/* The number after the segment's last. */
static uint32_t end_of(const struct tcp_segment *segment)
{
	return segment->seq + segment->payload + !!(segment->flags & SEGMENT_SYN) +
	       !!(segment->flags & SEGMENT_FIN);
}

static void use(struct conversation_end *end, const struct conversation_segment *take)
{
	uint32_t used = end_of(take->segment);

	if (end->heard && (int32_t)(used - end->used) <= 0)
		return;
	end->heard = true;
	end->used = used;
	end->reached = take->time;
}

/* Its own number was used before by the same end, and too long ago for mere disorder. */
static bool is_again(const struct conversation *conversation, const struct conversation_end *from,
		     const struct conversation_segment *take)
{
	uint64_t within = conversation->initial_rtt ? conversation->initial_rtt : OVERTAKEN_WITHIN;

	return !from->fin && from->heard && (int32_t)(from->used - end_of(take->segment)) >= 0 &&
	       take->time >= from->reached + within;
}

static unsigned int take_fin(struct conversation *conversation,
			     const struct conversation_segment *take)
{
	unsigned int answer = CONVERSATION_CLOSING;
	struct conversation_end *from = &conversation->ends[take->sender];
	uint32_t end = end_of(take->segment);

	if (is_again(conversation, from, take))
		answer |= CONVERSATION_FIN_AGAIN;
	/* It takes a number and is no byte; acknowledged before it was seen, it was taken for one.
	 */
	if (from->next == end - 1) {
		from->next = end;
	} else if (from->next == end && !from->fin && from->bytes) {
		from->bytes--;
		conversation->notes |= CONVERSATION_NEWS;
	}
	from->fin_end = end;
	from->fin = FIN_SEEN;
	from->places = 0;
	if (!(conversation->notes & (CONVERSATION_FIRST | CONVERSATION_SECOND)))
		conversation->notes |= take->sender ? CONVERSATION_SECOND : CONVERSATION_FIRST;
	return answer;
}

/* Nothing follows a FIN, so an acknowledgement of it is exactly the number after it. The same
 * segment is told again of each other interface that shows it, a later one is not. */
static bool take_ack(struct conversation_end *to, const struct conversation_segment *take)
{
	const struct tcp_segment *segment = take->segment;
	uint32_t place = 1u << (take->interface & 31);
	uint8_t kind = FIN_SEEN | FIN_ACKED | (segment->payload ? FIN_ACKED_BY_DATA : 0) |
		       (segment->flags & SEGMENT_FIN ? FIN_ACKED_BY_FIN : 0);

	if (!to->fin || !(segment->flags & SEGMENT_ACK) || segment->ack != to->fin_end)
		return false;
	if (!(to->fin & FIN_ACKED)) {
		to->ack_seq = segment->seq;
		to->fin = kind;
		to->places = place;
		return true;
	}
	if (to->ack_seq != segment->seq || to->fin != kind || to->places & place)
		return false;
	to->places |= place;
	return true;
}

static void take_handshake_ack(struct conversation *conversation,
			       const struct conversation_segment *take)
{
	if (!conversation->syn || conversation->initial_rtt || take->time <= conversation->syn ||
	    (take->segment->flags & (SEGMENT_SYN | SEGMENT_ACK)) != SEGMENT_ACK)
		return;
	conversation->initial_rtt = take->time - conversation->syn;
	conversation->notes |= CONVERSATION_NEWS;
}

unsigned int conversation_take(struct conversation *conversation,
			       const struct conversation_segment *take)
{
	const struct tcp_segment *segment = take->segment;
	uint8_t completeness = completeness_of(conversation, segment);
	unsigned int answer = 0;

	if (segment->flags & SEGMENT_SYN)
		take_syn(conversation, take);
	else
		assume_numbers(conversation, take);
	conversation->notes |= CONVERSATION_HEARD;
	if (completeness != conversation->completeness) {
		conversation->completeness = completeness;
		conversation->notes |= CONVERSATION_NEWS;
	}
	take_handshake_ack(conversation, take);
	if (segment->flags & SEGMENT_RST)
		return CONVERSATION_CLOSING;
	take_numbers(conversation, take);
	if (take_ack(&conversation->ends[!take->sender], take))
		answer |= CONVERSATION_FIRST_ACK;
	if (segment->flags & SEGMENT_FIN)
		answer |= take_fin(conversation, take);
	use(&conversation->ends[take->sender], take);
	return answer;
}
