// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "base/container.h"

#include <stddef.h>
#include <string.h>

#define FULL_ID_LENGTH 64
#define STATIC_POD_LENGTH 32
#define HEX_DIGITS "0123456789abcdef"

/* A part of a path: not terminated. */
struct part {
	const char *text;
	size_t length;
};

static bool part_is(struct part part, const char *text)
{
	return part.length == strlen(text) && !memcmp(part.text, text, part.length);
}

static bool part_ends(struct part part, const char *ending)
{
	size_t length = strlen(ending);

	return part.length >= length && !memcmp(part.text + part.length - length, ending, length);
}

/* A whole id at the end of a component: abc..., docker-abc....scope,
 * kubepods-x.slice:cri-containerd:abc.... NULL: there is none. */
static const char *find_id(struct part component)
{
	static const char scope[] = ".scope";
	const char *id;

	if (part_ends(component, scope))
		component.length -= sizeof(scope) - 1;
	if (component.length < FULL_ID_LENGTH)
		return NULL;
	id = component.text + component.length - FULL_ID_LENGTH;
	if (strspn(id, HEX_DIGITS) < FULL_ID_LENGTH)
		return NULL;
	if (id > component.text && id[-1] != '-' && id[-1] != ':')
		return NULL;
	/* The helper that watches a container runs next to it, not in it. */
	component.length = (size_t)(id - component.text);
	return part_ends(component, "conmon-") ? NULL : id;
}

/* By what stands before an id: "docker-", "x.slice:cri-containerd:"; before a bare one only
 * Docker's parent is a name of its own. */
static const char *find_engine(struct part prefix, struct part parent)
{
	static const char *const engines[][2] = {
		{"docker", "docker"},      {"cri-containerd", "containerd"},
		{"nerdctl", "containerd"}, {"crio", "cri-o"},
		{"libpod", "podman"},      {"libpod-payload", "podman"},
	};
	const char *colon;

	if (!prefix.length)
		return part_is(parent, "docker") ? "docker" : NULL;
	prefix.length--;
	colon = memrchr(prefix.text, ':', prefix.length);
	if (colon) {
		prefix.length -= (size_t)(colon + 1 - prefix.text);
		prefix.text = colon + 1;
	}
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (part_is(prefix, engines[i][0]))
			return engines[i][1];
	return NULL;
}

static bool is_hex(char byte)
{
	return byte && strchr(HEX_DIGITS, byte);
}

/* The length of a pod's uid at the start of text, 0: there is none. A static pod's is a hash. */
static size_t pod_length(const char *text)
{
	size_t at = 0;

	while (at < CONTAINER_POD_LENGTH) {
		bool dash = at == 8 || at == 13 || at == 18 || at == 23;

		if (dash ? text[at] != '-' && text[at] != '_' : !is_hex(text[at]))
			break;
		at++;
	}
	if (at == CONTAINER_POD_LENGTH)
		return at;
	return strspn(text, HEX_DIGITS) == STATIC_POD_LENGTH ? STATIC_POD_LENGTH : 0;
}

/* pod<uid>, kubepods-burstable-pod<uid>.slice, the same with :cri-containerd:abc... after it. */
static void read_pod(struct part component, char pod[CONTAINER_POD_LENGTH + 1])
{
	for (size_t at = 0; at + 3 < component.length; at++) {
		const char *uid = component.text + at + 3;
		size_t length;

		if (memcmp(uid - 3, "pod", 3) != 0 || (at && uid[-4] != '-'))
			continue;
		length = pod_length(uid);
		if (!length ||
		    (uid[length] && uid[length] != '/' && strncmp(uid + length, ".slice", 6) != 0))
			continue;
		for (size_t i = 0; i < length; i++)
			pod[i] = uid[i] == '_' ? '-' : uid[i];
		pod[length] = '\0';
	}
}

static void read_unit(struct part component, char unit[CONTAINER_UNIT_LENGTH + 1])
{
	if (component.text[0] == '.' ||
	    (!part_ends(component, ".service") && !part_ends(component, ".scope")))
		return;
	/* A unit that would be taken for a file of the kernel's (memory.service) is led in by _. */
	if (component.text[0] == '_') {
		component.text++;
		component.length--;
	}
	if (component.length > CONTAINER_UNIT_LENGTH)
		return;
	memcpy(unit, component.text, component.length);
	unit[component.length] = '\0';
}

static void read_component(struct part component, struct part parent, struct container_names *names)
{
	const char *id = find_id(component);

	read_pod(component, names->pod);
	if (!id) {
		read_unit(component, names->unit);
		return;
	}
	memcpy(names->id, id, CONTAINER_ID_LENGTH);
	names->id[CONTAINER_ID_LENGTH] = '\0';
	component.length = (size_t)(id - component.text);
	names->engine = find_engine(component, parent);
}

void container_read(const char *cgroup_path, struct container_names *names)
{
	struct part parent = {"", 0};

	names->id[0] = names->unit[0] = names->pod[0] = '\0';
	names->engine = NULL;
	while (*cgroup_path) {
		struct part component = {cgroup_path, strcspn(cgroup_path, "/")};

		read_component(component, parent, names);
		parent = component;
		cgroup_path += component.length;
		cgroup_path += *cgroup_path == '/';
	}
}

bool container_find(const char *cgroup_path, char id[CONTAINER_ID_LENGTH + 1])
{
	struct container_names names;

	container_read(cgroup_path, &names);
	memcpy(id, names.id, sizeof(names.id));
	return id[0] != '\0';
}
