// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "capture/rotation.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ull

static bool is_last_interval(const struct rotation *rotation)
{
	return !rotation->size && rotation->files &&
	       rotation->intervals_over + 1 >= rotation->files;
}

uint64_t rotation_end(const struct rotation *rotation)
{
	uint64_t end;

	if (!rotation->interval || !is_last_interval(rotation) ||
	    __builtin_add_overflow(rotation->begun, rotation->interval, &end))
		return UINT64_MAX;
	return end;
}

bool rotation_step(struct rotation *rotation, uint64_t written, uint64_t time)
{
	if (rotation->interval && time >= rotation->begun &&
	    time - rotation->begun >= rotation->interval && !is_last_interval(rotation)) {
		rotation->begun = time;
		rotation->intervals_over++;
		rotation->number = 0;
		return true;
	}
	if (!rotation->size || written <= rotation->size)
		return false;
	rotation->number++;
	if (rotation->files)
		rotation->number %= rotation->files;
	return true;
}

/* So many that names sort as their numbers do. */
static unsigned int count_digits(uint32_t files)
{
	unsigned int digits = 0;

	for (uint32_t last = files ? files - 1 : 0; last; last /= 10)
		digits++;
	return digits;
}

static int add_path(const struct rotation *rotation, struct buffer *name)
{
	time_t seconds = (time_t)(rotation->begun / NS_PER_SECOND);
	char path[PATH_MAX];
	struct tm local;

	if (!rotation->interval) {
		buffer_add_string(name, rotation->path);
		return 0;
	}
	if (!localtime_r(&seconds, &local) || !strftime(path, sizeof(path), rotation->path, &local))
		return -ENAMETOOLONG;
	buffer_add_string(name, path);
	return 0;
}

int rotation_name(const struct rotation *rotation, struct buffer *name)
{
	unsigned int digits = rotation->size ? count_digits(rotation->files) : 0;
	int error = add_path(rotation, name);

	if (error)
		return error;
	if (digits || rotation->number) {
		size_t start = name->length, length;

		buffer_add_unsigned(name, rotation->number);
		length = name->length - start;
		if (length < digits) {
			name->length = start;
			buffer_add_repeat(name, '0', digits - length);
			buffer_add_unsigned(name, rotation->number);
		}
	}
	return name->failed ? -ENOMEM : 0;
}
