// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/port_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "kernel/namespaces.h"

#define KEPT 10000000000ull
/* More than the ports that are shown can need: a namespace that is not asked for leaves first. */
#define CACHE_SIZE 32

struct entry {
	uint32_t netns; /* 0: free */
	bool known;
	bool wanted; /* to be read in this walk */
	uint64_t read;
	uint64_t asked;
	struct port_settings settings;
	struct buffer reserved;
};

struct port_settings_cache {
	struct entry entries[CACHE_SIZE];
};

struct port_settings_cache *port_settings_cache_new(void)
{
	return calloc(1, sizeof(struct port_settings_cache));
}

void port_settings_cache_free(struct port_settings_cache *cache)
{
	if (!cache)
		return;
	for (unsigned int i = 0; i < CACHE_SIZE; i++)
		buffer_done(&cache->entries[i].reserved);
	free(cache);
}

/* All of a file of /proc/sys/net/ipv4 and a NUL. 0 or a negative errno. */
static int read_text(const char *name, struct buffer *text)
{
	char path[96], block[4096];
	ssize_t count;
	int file, error = 0;

	buffer_clear(text);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	while ((count = read(file, block, sizeof(block))) > 0)
		buffer_add(text, block, (size_t)count);
	if (count < 0)
		error = -errno;
	close(file);
	buffer_add_char(text, '\0');
	return text->failed ? -ENOMEM : error;
}

static uint32_t read_number(const char *name)
{
	struct buffer text;
	uint32_t number = 0;

	buffer_init(&text);
	if (read_text(name, &text) == 0)
		number = (uint32_t)strtoul(text.data, NULL, 10);
	buffer_done(&text);
	return number;
}

/* Of the namespace that the thread is in: /proc/sys/net shows no other. */
static bool read_settings(struct entry *entry)
{
	struct port_settings *settings = &entry->settings;
	struct buffer *text = &entry->reserved;

	*settings = (struct port_settings){
		.tw_reuse = read_number("tcp_tw_reuse"),
		.tw_reuse_delay_ms = read_number("tcp_tw_reuse_delay"),
		.timestamps = read_number("tcp_timestamps"),
		.fin_timeout = read_number("tcp_fin_timeout"),
		.max_tw_buckets = read_number("tcp_max_tw_buckets"),
		.rfc1337 = read_number("tcp_rfc1337"),
	};
	if (read_text("ip_local_port_range", text) ||
	    sscanf(text->data, "%u %u", &settings->first_port, &settings->last_port) != 2)
		return false;
	if (read_text("ip_local_reserved_ports", text))
		return false;
	settings->reserved = text->data;
	return true;
}

static int visit(void *context, uint32_t netns, int descriptor)
{
	struct port_settings_cache *cache = context;
	bool more = false;

	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		struct entry *entry = &cache->entries[i];
		int home;

		if (entry->wanted && entry->netns == netns) {
			home = namespaces_enter(descriptor);
			entry->known = home >= 0 && read_settings(entry);
			entry->wanted = false;
			if (home >= 0 && namespaces_leave(home))
				return -EIO;
		}
		more |= entry->wanted;
	}
	return !more;
}

/* One walk for all whose time is over. */
static void refresh(struct port_settings_cache *cache, uint64_t now)
{
	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		struct entry *entry = &cache->entries[i];

		entry->wanted = entry->netns && (!entry->read || now - entry->read >= KEPT) &&
				now - entry->asked < 2 * KEPT;
		if (!entry->wanted)
			continue;
		entry->known = false;
		entry->read = now;
	}
	namespaces_walk(visit, cache);
}

static struct entry *find_entry(struct port_settings_cache *cache, uint32_t netns)
{
	struct entry *oldest = &cache->entries[0];

	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		struct entry *entry = &cache->entries[i];

		if (entry->netns == netns)
			return entry;
		if (entry->asked < oldest->asked)
			oldest = entry;
	}
	oldest->netns = netns;
	oldest->read = 0;
	oldest->known = false;
	return oldest;
}

const struct port_settings *port_settings_find(struct port_settings_cache *cache, uint32_t netns,
					       uint64_t now)
{
	struct entry *entry;

	if (!netns)
		return NULL;
	entry = find_entry(cache, netns);
	entry->asked = now;
	if (!entry->read || now - entry->read >= KEPT)
		refresh(cache, now);
	return entry->known ? &entry->settings : NULL;
}
