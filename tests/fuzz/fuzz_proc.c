// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The readers of text from /proc: an input is a byte that chooses one, and the text. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/container.h"
#include "fuzz.h"
#include "host/mounts.h"
#include "owner/descriptors.h"
#include "owner/memberships.h"
#include "symbols/jit_names.h"
#include "symbols/process_maps.h"

static bool lies_in(const char *part, const char *text, size_t length)
{
	return part >= text && part <= text + length;
}

static void read_cgroup_path(const char *path)
{
	struct container_names names;
	char id[CONTAINER_ID_LENGTH + 1];

	container_read(path, &names);
	FUZZ_CHECK(container_find(path, id) == !!names.id[0] && strcmp(id, names.id) == 0);
	FUZZ_CHECK(strlen(names.id) == 0 || strlen(names.id) == CONTAINER_ID_LENGTH);
	FUZZ_CHECK(strspn(names.id, "0123456789abcdef") == strlen(names.id));
	FUZZ_CHECK(strlen(names.pod) <= CONTAINER_POD_LENGTH);
	FUZZ_CHECK(strspn(names.pod, "0123456789abcdef-") == strlen(names.pod));
	FUZZ_CHECK(strlen(names.unit) <= CONTAINER_UNIT_LENGTH && !strchr(names.unit, '/'));
	FUZZ_CHECK(!names.engine || names.id[0]);
}

static void read_cgroup(char *text, size_t length)
{
	const char *path = memberships_choose(text);

	if (path) {
		FUZZ_CHECK(lies_in(path, text, length) && !strchr(path, '\n'));
		read_cgroup_path(path);
	}
}

static void read_mounts(char *text, size_t length)
{
	struct mount mount;

	if (!mounts_parse(text, &mount))
		return;
	FUZZ_CHECK(lies_in(mount.type, text, length) && mount.type[0]);
	FUZZ_CHECK(lies_in(mount.root, text, length) && lies_in(mount.point, text, length));
}

static void read_maps(const char *text, size_t length)
{
	int file = memfd_create("maps", MFD_CLOEXEC);
	struct process_maps maps;

	FUZZ_CHECK(file >= 0 && write(file, text, length) == (ssize_t)length);
	FUZZ_CHECK(lseek(file, 0, SEEK_SET) == 0);
	process_maps_init(&maps);
	FUZZ_CHECK(process_maps_read(&maps, file) == 0 || !length);
	for (size_t i = 0; i < maps.count; i++) {
		struct process_mapping *mapping = &maps.mappings[i];

		FUZZ_CHECK(mapping->start < mapping->end);
		FUZZ_CHECK(i == 0 || mapping[-1].end <= mapping->start);
		FUZZ_CHECK(process_maps_find(&maps, mapping->start) == mapping);
		FUZZ_CHECK(process_maps_find(&maps, mapping->end - 1) == mapping);
		FUZZ_CHECK(strlen(process_maps_path(&maps, mapping)) <= mapping->path_length);
	}
	process_maps_done(&maps);
	close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct jit_owner owner;
	char *text;

	if (!length)
		return 0;
	text = malloc(length);
	FUZZ_CHECK(text);
	memcpy(text, bytes + 1, length - 1);
	text[length - 1] = '\0';
	switch (bytes[0] % 6) {
	case 0:
		read_cgroup(text, length - 1);
		break;
	case 1:
		read_cgroup_path(text);
		break;
	case 2:
		read_mounts(text, length - 1);
		break;
	case 3:
		read_maps(text, length - 1);
		break;
	case 4:
		if (jit_owner_parse(text, &owner))
			FUZZ_CHECK(owner.pid);
		break;
	case 5:
		descriptors_inode("socket", text, (ssize_t)length - 1);
		break;
	}
	free(text);
	return 0;
}
