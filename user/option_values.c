// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "option_values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#define PID_LIMIT (4 * 1024 * 1024) /* the kernel's PID_MAX_LIMIT */
#define NS_PER_SECOND 1000000000ull
#define SECONDS_LIMIT (100ull * 365 * 86400)
#define RING_SIZE_LIMIT (1u << 30)

static int refuse(struct buffer *reason, const char *text)
{
	buffer_add_string(reason, text);
	return -EINVAL;
}

/* All of text[0..length) as a decimal number up to limit. */
static bool parse_number(const char *text, size_t length, uint64_t limit, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned int digit = (unsigned int)(text[i] - '0');

		if (text[i] < '0' || text[i] > '9' || *number > (limit - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return length && *number <= limit;
}

static int set_choice(const struct option_info *info, unsigned int *field, const char *text,
		      struct buffer *reason)
{
	for (unsigned int i = 0; info->choices[i]; i++) {
		if (!strcmp(info->choices[i], text)) {
			*field = i;
			return 0;
		}
	}
	buffer_add_literal(reason, "there is no such choice; give ");
	for (unsigned int i = 0; info->choices[i]; i++) {
		if (i)
			buffer_add_string(reason, info->choices[i + 1] ? ", " : " or ");
		buffer_add_string(reason, info->choices[i]);
	}
	return -EINVAL;
}

/* report takes a path here; which command it is may not be known yet. */
static int set_output(const char **field, const char *text, struct buffer *reason)
{
	if (!*text)
		return refuse(reason, "it is empty; give text, table or json");
	*field = text;
	return 0;
}

static int add_read(struct options *options, const char *text, struct buffer *reason)
{
	if (!*text)
		return refuse(reason, "it is empty; give a path");
	if (options->read_count == OPTIONS_READS)
		return refuse(reason, "more than two files; two hosts can be joined");
	options->reads[options->read_count++] = text;
	return 0;
}

/* As tcpdump's -C. */
static int set_megabytes(uint64_t *field, const char *text, struct buffer *reason)
{
	size_t length = strlen(text);
	uint64_t unit = 1000000, number;

	if (length && strchr("kKmMgG", text[length - 1])) {
		unit = strchr("kK", text[length - 1])   ? 1024
		       : strchr("mM", text[length - 1]) ? 1024 * 1024
							: 1024 * 1024 * 1024;
		length--;
	}
	if (!parse_number(text, length, UINT64_MAX / unit, &number) || !number)
		return refuse(reason, "not a size above 0; give millions of bytes as 100, or 512k, "
				      "100m, 1g");
	*field = number * unit;
	return 0;
}

static int add_interface(struct options *options, const char *text, struct buffer *reason)
{
	size_t length = strlen(text);

	if (!length || length >= IF_NAMESIZE || strpbrk(text, "/ \t\n"))
		return refuse(reason, "not the name of an interface; ip link lists them");
	if (options->interface_count == OPTIONS_INTERFACES)
		return refuse(reason, "more than 64 interfaces; leave the option out for all");
	options->interfaces[options->interface_count++] = text;
	return 0;
}

static int set_netns(const char **field, const char *text, struct buffer *reason)
{
	if (!*text || strchr(text, '/'))
		return refuse(reason, "neither a process nor the name of a namespace; give a pid "
				      "or a name that ip netns lists");
	*field = text;
	return 0;
}

static int set_comm(char field[RECORD_COMM_LENGTH], const char *text, struct buffer *reason)
{
	if (!*text)
		return refuse(reason,
			      "the name is empty; give a program's name as ps -o comm does");
	memset(field, 0, RECORD_COMM_LENGTH);
	memcpy(field, text, strnlen(text, RECORD_COMM_LENGTH - 1));
	return 0;
}

static int add_port(uint16_t ports[FILTER_PORTS], uint64_t port, struct buffer *reason)
{
	for (unsigned int i = 0; i < FILTER_PORTS; i++) {
		if (ports[i] == port)
			return 0;
		if (!ports[i]) {
			ports[i] = (uint16_t)port;
			return 0;
		}
	}
	return refuse(reason, "more than 16 ports; give fewer, or filter by address");
}

static int add_ports(uint16_t ports[FILTER_PORTS], const char *text, struct buffer *reason)
{
	for (;; text++) {
		size_t length = strcspn(text, ",");
		uint64_t port;
		int error;

		if (!parse_number(text, length, UINT16_MAX, &port) || !port)
			return refuse(reason, "not a port (1 to 65535); give ports as 80,443");
		error = add_port(ports, port, reason);
		if (error)
			return error;
		text += length;
		if (!*text)
			return 0;
	}
}

/* An address in either notation as a flow has it; bits is the length of its own notation. */
static bool parse_address(const char *text, size_t length, uint8_t address[16], unsigned int *bits)
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	memset(address, 0, 16);
	*bits = 128;
	if (inet_pton(AF_INET6, copy, address) == 1)
		return true;
	address[10] = address[11] = 0xff;
	*bits = 32;
	return inet_pton(AF_INET, copy, address + 12) == 1;
}

static void fill_mask(uint8_t mask[16], unsigned int prefix)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = prefix > 8 * i ? prefix - 8 * i : 0;

		mask[i] = (uint8_t)(0xff00u >> (bits < 8 ? bits : 8));
	}
}

/* The bits past the prefix must be 0: whoever wrote them meant another network. */
static int check_host_bits(struct filter_network *network, const char *prefix,
			   struct buffer *reason)
{
	uint8_t host[16];

	memcpy(host, network->address, sizeof(host));
	for (unsigned int i = 0; i < 16; i++)
		network->address[i] &= network->mask[i];
	if (!memcmp(host, network->address, sizeof(host)))
		return 0;
	buffer_add_literal(reason, "it has bits set past the prefix; give ");
	buffer_add_address(reason, network->address);
	buffer_add_string(reason, prefix);
	buffer_add_literal(reason, " for the network or ");
	buffer_add_address(reason, host);
	buffer_add_literal(reason, " for the host");
	return -EINVAL;
}

static int add_network(struct filter *filter, const char *text, struct buffer *reason)
{
	size_t length = strcspn(text, "/");
	struct filter_network network;
	unsigned int bits;
	uint64_t prefix;
	int error;

	if (!parse_address(text, length, network.address, &bits))
		return refuse(reason,
			      "not an address or a network; give 10.0.0.0/8, 2001:db8::/32 or ::1");
	prefix = bits;
	if (text[length] &&
	    !parse_number(text + length + 1, strlen(text + length + 1), bits, &prefix)) {
		buffer_add_literal(reason, "the prefix is not a number from 0 to ");
		buffer_add_unsigned(reason, bits);
		buffer_add_literal(reason, "; give a network as 10.0.0.0/8 or 2001:db8::/32");
		return -EINVAL;
	}
	fill_mask(network.mask, (unsigned int)prefix + 128 - bits);
	error = check_host_bits(&network, text + length, reason);
	if (error)
		return error;
	if (filter->network_count == FILTER_NETWORKS)
		return refuse(reason, "more than 8 networks; give fewer, wider ones");
	filter->networks[filter->network_count++] = network;
	return 0;
}

static int set_seconds(uint64_t *field, const char *text, struct buffer *reason)
{
	size_t length = strcspn(text, ".");
	uint64_t seconds = 0, ns = 0, unit = NS_PER_SECOND;
	const char *digit = text + length;

	if (length && !parse_number(text, length, SECONDS_LIMIT, &seconds))
		goto refused;
	if (*digit == '.' && !*++digit && !length)
		goto refused;
	for (; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			goto refused;
		unit /= 10;
		ns += unit * (uint64_t)(*digit - '0');
	}
	*field = seconds * NS_PER_SECOND + ns;
	if (*field)
		return 0;
refused:
	return refuse(reason, "not a time above 0; give seconds as 10 or 0.5");
}

static int set_ring_size(uint32_t *field, const char *text, struct buffer *reason)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t length = strlen(text);
	uint64_t unit = 1, size;

	if (length && strchr("kK", text[length - 1]))
		unit = 1024;
	else if (length && strchr("mM", text[length - 1]))
		unit = 1024 * 1024;
	if (unit > 1)
		length--;
	if (!parse_number(text, length, RING_SIZE_LIMIT / unit, &size) || size * unit < page ||
	    size & (size - 1)) {
		buffer_add_literal(reason, "not a power of two from ");
		buffer_add_unsigned(reason, page);
		buffer_add_literal(reason, " to 1024M; give a size as 16M or 512k");
		return -EINVAL;
	}
	*field = (uint32_t)(size * unit);
	return 0;
}

static int add_feature(uint64_t *field, const char *text, options_find_feature find_feature,
		       struct buffer *reason)
{
	enum feature feature = find_feature(text);

	if (feature >= FEATURES)
		return refuse(reason, "there is no such feature; --version lists them");
	*field |= 1ull << feature;
	return 0;
}

int option_set_format(struct options *options, const struct option_info *info,
		      struct buffer *reason)
{
	unsigned int index = 0;
	int error = options->output ? set_choice(info, &index, options->output, reason) : 0;

	if (!error)
		options->format = output_format_find(info->choices[index]);
	return error;
}

int option_set(struct options *options, const struct option_info *info, const char *text,
	       options_find_feature find_feature, struct buffer *reason)
{
	void *field = (char *)options + info->field;
	uint64_t number;

	switch (info->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_FILE:
		if (!*text)
			return refuse(reason, "it is empty; give a path");
		*(const char **)field = text;
		return 0;
	case OPTION_NETNS:
		return set_netns(field, text, reason);
	case OPTION_INTERFACES:
		return add_interface(options, text, reason);
	case OPTION_CHOICE:
		return set_choice(info, field, text, reason);
	case OPTION_FORMAT:
		return set_output(field, text, reason);
	case OPTION_READS:
		return add_read(options, text, reason);
	case OPTION_MEGABYTES:
		return set_megabytes(field, text, reason);
	case OPTION_PID:
		if (!parse_number(text, strlen(text), PID_LIMIT, &number) || !number)
			return refuse(reason, "not a process; give one pid as 991");
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case OPTION_COMM:
		return set_comm(field, text, reason);
	case OPTION_PORTS:
		return add_ports(field, text, reason);
	case OPTION_NETWORKS:
		return add_network(&options->filter, text, reason);
	case OPTION_SECONDS:
		return set_seconds(field, text, reason);
	case OPTION_COUNT:
		if (!parse_number(text, strlen(text), UINT64_MAX, &number) || !number)
			return refuse(reason, "not a number above 0; give a count as 100");
		*(uint64_t *)field = number;
		return 0;
	case OPTION_RING_SIZE:
		return set_ring_size(field, text, reason);
	case OPTION_FEATURE:
		return add_feature(field, text, find_feature, reason);
	}
	return -EINVAL;
}
