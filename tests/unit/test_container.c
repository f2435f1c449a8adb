// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What cgroup paths of real hosts tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define SHORT "0123456789ab"
#define SHORT_2 "fedcba987654"
#define UID "9a8b7c6d-1234-4abc-8def-0123456789ab"
#define UID_SLICE "9a8b7c6d_1234_4abc_8def_0123456789ab"
#define STATIC_UID "d41d8cd98f00b204e9800998ecf8427e"
#define QOS "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SLICE ".slice"
#define KIND "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_SLICE ".slice"

static const struct {
	const char *path, *id, *engine, *unit, *pod;
} cases[] = {
	/* Docker: drivers cgroupfs and systemd, systemd in a container, one in another */
	{"/docker/" ID, SHORT, "docker", "", ""},
	{"/system.slice/docker-" ID ".scope", SHORT, "docker", "", ""},
	{"/system.slice/docker-" ID ".scope/init.scope", SHORT, "docker", "init.scope", ""},
	{"/docker/" ID "/system.slice/nginx.service", SHORT, "docker", "nginx.service", ""},
	{"/docker/" ID "/docker/" ID_2, SHORT_2, "docker", "", ""},
	{"/system.slice:docker:" ID, SHORT, "docker", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", SHORT,
	 "docker", "user@1000.service", ""},
	{"/actions_job/" ID, SHORT, NULL, "", ""},
	{"/ecs/a1b2/" ID, SHORT, NULL, "", ""},
	{"/system.slice/docker.service", "", NULL, "docker.service", ""},
	{"/system.slice/nerdctl-" ID ".scope", SHORT, "containerd", "", ""},
	{"/default/" ID, SHORT, NULL, "", ""},

	/* Kubernetes, driver cgroupfs: guaranteed, burstable, best effort */
	{"/kubepods/pod" UID "/" ID, SHORT, NULL, "", UID},
	{"/kubepods/burstable/pod" UID "/" ID, SHORT, NULL, "", UID},
	{"/kubepods/besteffort/pod" UID "/" ID, SHORT, NULL, "", UID},
	{"/kubepods/burstable/pod" STATIC_UID "/" ID, SHORT, NULL, "", STATIC_UID},
	{"/kubepods/burstable/pod" UID "/crio-" ID, SHORT, "cri-o", "", UID},
	{"/kubepods/besteffort/pod1b2c/" ID, SHORT, NULL, "", ""},
	{"/kubepods/burstable/pod" UID, "", NULL, "", UID},

	/* and systemd: containerd, CRI-O, Docker's shim */
	{"/kubepods.slice/kubepods-pod" UID_SLICE ".slice/cri-containerd-" ID ".scope", SHORT,
	 "containerd", "", UID},
	{QOS "/cri-containerd-" ID ".scope", SHORT, "containerd", "", UID},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_SLICE
	 ".slice/cri-containerd-" ID ".scope",
	 SHORT, "containerd", "", UID},
	{"/kubepods.slice/kubepods-pod" UID_SLICE ".slice/crio-" ID ".scope", SHORT, "cri-o", "",
	 UID},
	{QOS "/crio-" ID ".scope", SHORT, "cri-o", "", UID},
	{QOS "/crio-" ID ".scope/container", SHORT, "cri-o", "", UID},
	{QOS "/crio-conmon-" ID ".scope", "", NULL, "crio-conmon-" ID ".scope", UID},
	{"/kubepods.slice/kubepods-pod" UID_SLICE ".slice/docker-" ID ".scope", SHORT, "docker", "",
	 UID},
	{QOS "/docker-" ID ".scope", SHORT, "docker", "", UID},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" STATIC_UID
	 ".slice/cri-containerd-" ID ".scope",
	 SHORT, "containerd", "", STATIC_UID},
	{"/system.slice/containerd.service/kubepods-burstable-pod" UID_SLICE
	 ".slice:cri-containerd:" ID,
	 SHORT, "containerd", "containerd.service", UID},
	{QOS ":cri-containerd:" ID, SHORT, "containerd", "", UID},
	{KIND "/cri-containerd-" ID ".scope", SHORT, "containerd", "", UID},
	{"/docker/" ID "/kubepods/pod1/" ID_2, SHORT_2, NULL, "", ""},
	{"/system.slice/docker-" ID ".scope" KIND "/cri-containerd-" ID_2 ".scope", SHORT_2,
	 "containerd", "", UID},
	{"/kubepods/burstable/pod" UID "/" ID "/docker/" ID_2, SHORT_2, "docker", "", UID},
	{QOS "/cri-containerd-" ID ".scope/docker/" ID_2, SHORT_2, "docker", "", UID},
	{QOS "/cri-containerd-" ID ".scope/system.slice/docker-" ID_2 ".scope", SHORT_2, "docker",
	 "", UID},

	/* Podman: of root and of a user, from a unit, without systemd; its helper */
	{"/machine.slice/libpod-" ID ".scope", SHORT, "podman", "", ""},
	{"/machine.slice/libpod-" ID ".scope/container", SHORT, "podman", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	 SHORT, "podman", "user@1000.service", ""},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_" ID
	 ".slice/libpod-" ID_2 ".scope",
	 SHORT_2, "podman", "user@1000.service", ""},
	{"/system.slice/web.service/libpod-payload-" ID, SHORT, "podman", "web.service", ""},
	{"/libpod_parent/libpod-" ID, SHORT, "podman", "", ""},
	{"/machine.slice/libpod-conmon-" ID ".scope", "", NULL, "libpod-conmon-" ID ".scope", ""},
	{"/libpod_parent/conmon-" ID, "", NULL, "", ""},
	{"/conmon-" ID, "", NULL, "", ""},

	/* others that give containers names, no ids */
	{"/lxc/web", "", NULL, "", ""},
	{"/lxc.payload.web/system.slice/nginx.service", "", NULL, "nginx.service", ""},
	{"/lxc.monitor.web", "", NULL, "", ""},
	{"/machine.slice/machine-web.scope", "", NULL, "machine-web.scope", ""},
	{"/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "", NULL,
	 "nginx.service", ""},
	{"/machine.slice/systemd-nspawn@web.service/payload/init.scope", "", NULL, "init.scope",
	 ""},
	{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator", "", NULL,
	 "machine-qemu\\x2d1\\x2dvm.scope", ""},

	/* systemd */
	{"/init.scope", "", NULL, "init.scope", ""},
	{"/system.slice/nginx.service", "", NULL, "nginx.service", ""},
	{"/system.slice/system-getty.slice/getty@tty1.service", "", NULL, "getty@tty1.service", ""},
	{"/system.slice/_memory.service", "", NULL, "memory.service", ""},
	{"/system.slice/nginx.service/worker", "", NULL, "nginx.service", ""},
	{"/user.slice/user-1000.slice/session-3.scope", "", NULL, "session-3.scope", ""},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "", NULL,
	 "web.service", ""},
	{"/user.slice/user-1000.slice/user@1000.service/init.scope", "", NULL, "init.scope", ""},
	{"/system.slice", "", NULL, "", ""},
	{"/system.slice/.service", "", NULL, "", ""},
	{"/../../system.slice/nginx.service", "", NULL, "nginx.service", ""},

	/* nothing, or only almost */
	{"/user.slice/" ID "0", "", NULL, "", ""},
	{"/user.slice/x" ID, "", NULL, "", ""},
	{"/user.slice/" ID ".service", "", NULL, ID ".service", ""},
	{"/user.slice/docker-0123456789ab.scope", "", NULL, "docker-0123456789ab.scope", ""},
	{"/tripod" UID, "", NULL, "", ""},
	{"/pod" UID "0", "", NULL, "", ""},
	{"/pod" STATIC_UID "0", "", NULL, "", ""},
	{"/pod", "", NULL, "", ""},
	{"/pod9a8b7c6d-1234", "", NULL, "", ""},
	{"//docker//" ID "/", SHORT, NULL, "", ""},
	{"/docker-" ID, SHORT, "docker", "", ""},
	{"/-" ID, SHORT, NULL, "", ""},
	{"/\x1b[31m.service", "", NULL, "\x1b[31m.service", ""},
	{"/", "", NULL, "", ""},
	{"", "", NULL, "", ""},
};

static void cgroup_paths_name_containers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[CONTAINER_ID_LENGTH + 1];

		assert_int_equal(container_find(cases[i].path, id), cases[i].id[0] != '\0');
		assert_string_equal(id, cases[i].id);
	}
}

static void and_engines_units_and_pods(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Of its exact size: to look behind the end is an error under ASan. */
		char *path = strdup(cases[i].path);
		struct container_names names;

		memset(&names, 0xff, sizeof(names));
		container_read(path, &names);
		free(path);
		assert_string_equal(names.id, cases[i].id);
		assert_string_equal(names.engine ? names.engine : "",
				    cases[i].engine ? cases[i].engine : "");
		assert_string_equal(names.unit, cases[i].unit);
		assert_string_equal(names.pod, cases[i].pod);
	}
}

/* Longer than a directory's name can be: systemd has no such unit. */
static void a_unit_has_a_bound(void **state)
{
	char path[CONTAINER_UNIT_LENGTH + 3];
	struct container_names names;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	memcpy(path + sizeof(path) - sizeof(".service"), ".service", sizeof(".service"));
	container_read(path, &names);
	assert_string_equal(names.unit, "");
	path[1] = '/';
	container_read(path, &names);
	assert_string_equal(names.unit, path + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_paths_name_containers),
		cmocka_unit_test(and_engines_units_and_pods),
		cmocka_unit_test(a_unit_has_a_bound),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
