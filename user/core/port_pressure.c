// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/port_pressure.h"

#define NS_PER_SECOND 1000000000ull
#define PORTS 65536u

/* A decimal number of at most 65535 at *text, which moves past it. */
static bool take_port(const char **text, uint32_t *port)
{
	const char *at = *text;

	for (*port = 0; *at >= '0' && *at <= '9'; at++) {
		*port = *port * 10 + (uint32_t)(*at - '0');
		if (*port >= PORTS)
			return false;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

uint32_t ports_usable(uint32_t first, uint32_t last, const char *reserved)
{
	uint8_t taken[PORTS / 8] = {0};
	uint32_t from, to, count;

	if (last >= PORTS)
		last = PORTS - 1;
	count = first <= last ? last - first + 1 : 0;
	while (reserved && take_port(&reserved, &from)) {
		to = from;
		if (*reserved == '-' && (reserved++, !take_port(&reserved, &to)))
			break;
		for (uint32_t port = from; port <= to; port++) {
			uint8_t bit = (uint8_t)(1u << port % 8);

			count -= port >= first && port <= last && !(taken[port / 8] & bit);
			taken[port / 8] |= bit;
		}
		if (*reserved++ != ',')
			break;
	}
	return count;
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t ipv6[16] = {[15] = 1};

	return address_is_ipv4(address) ? address[12] == 127 : !memcmp(address, ipv6, 16);
}

/* tcp_twsk_unique(): 2 means that one end's address is a loopback one. That the peer uses
 * timestamps too is not known here. */
static bool is_reusable(const struct port_limits *limits, const struct port_demand *demand)
{
	if (!limits->timestamps)
		return false;
	return limits->tw_reuse == 1 || (limits->tw_reuse == 2 && (is_loopback(demand->local) ||
								   is_loopback(demand->remote)));
}

static uint64_t ns_of(double seconds)
{
	return seconds <= 0 ? 0 : (uint64_t)(seconds * (double)NS_PER_SECOND);
}

/* What waited long enough is as good as free: only those of the last moment count. */
static void forecast_reuse(const struct port_limits *limits, const struct port_demand *demand,
			   struct port_forecast *forecast)
{
	double rate = (double)demand->rate / 1000;
	double young = rate * (double)limits->reuse_delay / (double)NS_PER_SECOND;
	double room = (double)limits->usable - (double)demand->in_use;

	if (room > 0 && young < room)
		return;
	forecast->exhausts = true;
	if (young > (double)demand->in_time_wait)
		young = (double)demand->in_time_wait;
	forecast->exhausted_in = young < room ? ns_of((room - young) / rate) : 0;
}

/* The number of ports held, carried forward; times are seconds from now. */
struct course {
	double time;
	double held;
	double usable;
};

/* Goes on until a time. True if all ports are held before, and then it stops there. */
static bool course_ends(struct course *course, double until, double per_second)
{
	double seconds = until - course->time;

	if (seconds <= 0)
		return false;
	if (per_second > 0 && course->held + per_second * seconds >= course->usable) {
		course->time += (course->usable - course->held) / per_second;
		return true;
	}
	course->held += per_second * seconds;
	course->time = until;
	return false;
}

/* Whoever enters from now on leaves after those that wait now: ports that last until these have
 * left last for ever. */
static void forecast_wait(const struct port_limits *limits, const struct port_demand *demand,
			  struct port_forecast *forecast)
{
	struct course course = {
		.held = (double)demand->in_time_wait + (double)demand->in_use,
		.usable = (double)limits->usable,
	};
	double rate = (double)demand->net_rate / 1000;
	double scale = 0;

	for (unsigned int i = 0; i < demand->leaving_count; i++)
		scale += demand->leaving[i].count;
	/* Some have left before their time. */
	scale = scale > 0 ? (double)demand->in_time_wait / scale : 0;
	for (unsigned int i = 0; i < demand->leaving_count && !forecast->exhausts; i++) {
		const struct port_leaving *leaving = &demand->leaving[i];
		double from = (double)leaving->from / (double)NS_PER_SECOND;
		double to = (double)leaving->to / (double)NS_PER_SECOND;
		double count = leaving->count * scale;

		forecast->exhausts =
			course_ends(&course, from, rate) ||
			(to > from && course_ends(&course, to, rate - count / (to - from)));
		if (to <= from)
			course.held -= count;
	}
	if (!forecast->exhausts)
		forecast->exhausts =
			course_ends(&course, (double)demand->wait / (double)NS_PER_SECOND, rate);
	if (forecast->exhausts)
		forecast->exhausted_in = ns_of(course.time);
}

/* connect() finds the last few ports only by trying all of them: 1 in 200 counts as none. */
static bool is_exhausted(const struct port_limits *limits, const struct port_demand *demand)
{
	return demand->in_time_wait + demand->in_use >= limits->usable - limits->usable / 200;
}

struct port_forecast port_forecast(const struct port_limits *limits,
				   const struct port_demand *demand)
{
	struct port_forecast forecast = {.reusable = is_reusable(limits, demand)};

	if (!demand->rate && !demand->in_time_wait)
		return forecast;
	if (forecast.reusable)
		forecast_reuse(limits, demand, &forecast);
	else if (is_exhausted(limits, demand))
		forecast.exhausts = true;
	else
		forecast_wait(limits, demand, &forecast);
	return forecast;
}

bool port_pressing(const struct port_limits *limits, const struct port_demand *demand,
		   const struct port_forecast *forecast)
{
	if (forecast->exhausts)
		return true;
	return !forecast->reusable && (demand->in_time_wait + demand->in_use) * 2 > limits->usable;
}

/* As many as can wait at once when the ports last: rate times wait. */
static double most_held(const struct port_demand *demand)
{
	return (double)demand->rate / 1000 * (double)demand->wait / (double)NS_PER_SECOND;
}

static void add_setting(struct buffer *out, const char *name, uint64_t value)
{
	buffer_add_literal(out, "net.ipv4.");
	buffer_add_string(out, name);
	buffer_add_literal(out, " is ");
	buffer_add_unsigned(out, value);
}

static void add_seconds(struct buffer *out, uint64_t ns)
{
	buffer_add_fixed(out, ns, NS_PER_SECOND, ns % NS_PER_SECOND ? 1 : 0);
	buffer_add_literal(out, " s");
}

struct hardship {
	const struct port_limits *limits;
	const struct port_demand *demand;
	const struct port_forecast *forecast;
};

/* Each adds one sentence and is true, or has nothing to say. */

static bool advise_reuse(struct buffer *out, const struct hardship *hardship)
{
	const struct port_limits *limits = hardship->limits;
	const struct port_forecast *forecast = hardship->forecast;

	if (forecast->reusable) {
		add_setting(out, "tcp_tw_reuse", limits->tw_reuse);
		buffer_add_literal(out, ": connect() takes over ports that waited for ");
		add_seconds(out, limits->reuse_delay);
		buffer_add_literal(out, " if the other side uses TCP timestamps too; more than "
					"that enter in this time");
		return true;
	}
	if (limits->tw_reuse == 1 && limits->timestamps)
		return false;
	add_setting(out, "tcp_tw_reuse", limits->tw_reuse);
	buffer_add_string(out, limits->tw_reuse == 2   ? " (loopback only)"
			       : limits->tw_reuse == 1 ? " (on)"
						       : " (off)");
	if (limits->tw_reuse != 1)
		buffer_add_literal(out, ": set to 1, it");
	else
		buffer_add_literal(out, ": it");
	buffer_add_literal(out, " lets connect() take over a port after ");
	add_seconds(out, limits->reuse_delay);
	buffer_add_literal(out, " in TIME_WAIT; both sides must use TCP timestamps (");
	add_setting(out, "tcp_timestamps", limits->timestamps);
	buffer_add_string(out, limits->timestamps ? " here)" : " here: set it to 1)");
	return true;
}

static bool advise_range(struct buffer *out, const struct hardship *hardship)
{
	const struct port_limits *limits = hardship->limits;
	const struct port_demand *demand = hardship->demand;
	const struct port_forecast *forecast = hardship->forecast;

	if (limits->widest <= limits->usable)
		return false;
	buffer_add_literal(out, "net.ipv4.ip_local_port_range is ");
	buffer_add_unsigned(out, limits->first);
	buffer_add_char(out, ' ');
	buffer_add_unsigned(out, limits->last);
	buffer_add_literal(out, " (");
	buffer_add_unsigned(out, limits->usable);
	buffer_add_literal(out, " ports");
	if (limits->reserved) {
		buffer_add_literal(out, ", without ");
		buffer_add_unsigned(out, limits->reserved);
		buffer_add_literal(out, " of ip_local_reserved_ports");
	}
	buffer_add_literal(out, "): 1024 65535 gives ");
	buffer_add_unsigned(out, limits->widest);
	if (forecast->reusable)
		return true;
	buffer_add_string(out, most_held(demand) + (double)demand->in_use < limits->widest
				       ? ", enough at this rate"
				       : ", which puts it off but is not enough at this rate");
	buffer_add_literal(out, "; ports of services in it belong in ip_local_reserved_ports");
	return true;
}

static bool advise_pooling(struct buffer *out, const struct hardship *hardship)
{
	const struct port_demand *demand = hardship->demand;

	if (!demand->rate)
		return false;
	if (demand->comm[0])
		buffer_add_escaped(out, demand->comm, sizeof(demand->comm));
	else
		buffer_add_literal(out, "the program");
	buffer_add_literal(out, " closes ");
	buffer_add_fixed(out, demand->rate, 1000, demand->rate < 10000 ? 1 : 0);
	buffer_add_literal(out, " connections to this destination per second: keep them open and "
				"use them again (keep-alive, a connection pool)");
	return true;
}

static bool advise_other_side(struct buffer *out, const struct hardship *hardship)
{
	const struct port_demand *demand = hardship->demand;

	buffer_add_literal(out, "TIME_WAIT is on the side that closes first, here ");
	if (demand->comm[0])
		buffer_add_escaped(out, demand->comm, sizeof(demand->comm));
	else
		buffer_add_literal(out, "the one that connected");
	buffer_add_literal(out, ": let the other side close first");
	return true;
}

static bool advise_addresses(struct buffer *out, const struct hardship *hardship)
{
	buffer_add_literal(out, "each further address, local or remote, or remote port, gives "
				"another ");
	buffer_add_unsigned(out, hardship->limits->usable);
	buffer_add_literal(out, " ports");
	return true;
}

static bool advise_against(struct buffer *out, const struct hardship *hardship)
{
	add_setting(out, "tcp_fin_timeout", hardship->limits->fin_timeout);
	buffer_add_literal(out, " and does not shorten TIME_WAIT, which is fixed at 60 s");
	return true;
}

unsigned int port_advice(struct buffer *out, const struct port_limits *limits,
			 const struct port_demand *demand, const struct port_forecast *forecast)
{
	static bool (*const advise[])(struct buffer * out, const struct hardship *hardship) = {
		advise_reuse,      advise_range,     advise_pooling,
		advise_other_side, advise_addresses, advise_against,
	};
	const struct hardship hardship = {limits, demand, forecast};
	unsigned int count = 0;

	if (!port_pressing(limits, demand, forecast))
		return 0;
	for (size_t i = 0; i < sizeof(advise) / sizeof(advise[0]); i++) {
		if (!advise[i](out, &hardship))
			continue;
		buffer_add_char(out, '\0');
		count++;
	}
	return count;
}
