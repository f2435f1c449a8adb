# tcpclose-trace: build, demo, tests. `make help` lists what one can ask for.

BUILD ?= build
PREFIX ?= /usr/local
VERSION := 0.1.0

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(CI),-Werror)
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu17 $(CFLAGS) $(WARN) $(EXTRA_CFLAGS) -Iuser -Ibpf -I$(BUILD) -MMD -MP \
	-D_GNU_SOURCE -DVERSION='"$(VERSION)"'
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	$(if $(CI),-Werror) -Ivmlinux -Ibpf -MMD -MP
LIBS := -lbpf -lmnl -ldw -lelf -lz

BUILD_PACKAGES := make gcc libc6-dev linux-libc-dev clang llvm bpftool libbpf-dev libelf-dev \
	libdw-dev zlib1g-dev libmnl-dev
DEMO_PACKAGES := iproute2 nginx-light redis-server redis-tools curl python3
TEST_PACKAGES := $(DEMO_PACKAGES) libcmocka-dev clang-format nftables tshark wrk nodejs
KERNEL_PACKAGES := qemu-system-x86 busybox-static lz4 xz-utils zstd debian-archive-keyring

pure_sources := $(wildcard user/base/*.c user/core/*.c)
program_sources := $(wildcard user/*.c \
	$(foreach room,host kernel owner symbols output,user/$(room)/*.c))
witnesses := socket packet
# What `timewait` and `leaks` attach: without the ring.
objects_of_bpf := $(witnesses) population close_wait

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
witness_objects = $(patsubst %.c,$(BUILD)/%.o,$(if $(filter $(1),$(witnesses)),bpf/ring.bpf.c) \
	$(sort $(wildcard bpf/$(1)/*.bpf.c)))
skeletons := $(objects_of_bpf:%=$(BUILD)/%.skel.h)

.PHONY: all
all: $(BUILD)/tcpclose-trace ## build the program

$(BUILD)/tcpclose-trace: $(call objects,$(program_sources)) $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The pure core: the unit tests and fuzzers link it without libbpf.
$(BUILD)/libcore.a: $(call objects,$(pure_sources))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/user/core/%.o: ALL_CFLAGS += -Wconversion

$(BUILD)/user/%.o: user/%.c | tools
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

$(call objects,$(wildcard user/kernel/*.c)): | $(skeletons)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | tools
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

define witness_rules
$(BUILD)/$(1).linked.o: $(call witness_objects,$(1))
	$$(call say,BPFLINK,$$@)
	$$(Q)$$(BPFTOOL) gen object $$@ $$^

$(BUILD)/$(1).skel.h: $(BUILD)/$(1).linked.o
	$$(call say,SKEL,$$@)
	$$(Q)$$(BPFTOOL) gen skeleton $$< name $(1) > $$@.new && mv $$@.new $$@
endef
$(foreach object,$(objects_of_bpf),$(eval $(call witness_rules,$(object))))

.PHONY: tools
tools:
	@for tool in $(CC) $(CLANG) $(BPFTOOL); do command -v $$tool >/dev/null || { \
	echo "cannot build: $$tool is missing; run 'sudo make deps' (Debian)" >&2; exit 1; }; done

.PHONY: deps
deps: ## install what building, the demo and the tests need (Debian, as root)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))

# Only what is missing, so that a machine that has everything needs no network.
define install_packages
	@missing=; for package in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
	|| missing="$$missing $$package"; done; \
	[ -z "$$missing" ] || { echo "installing:$$missing"; export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }
endef

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# Tests: programs test_* that speak TAP, one folder a tier; tests/run runs and counts them.

unit_tests := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
bpf_tests := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bpf/test_*.c))
# What a stack tells depends on frame pointers: one program with them, one without.
leaky := $(addprefix $(BUILD)/tests/workload/leaky-,framed frameless)
workloads := $(patsubst tests/%.c,$(BUILD)/tests/%,\
	$(filter-out %/leaky.c,$(wildcard tests/workload/*.c))) $(leaky)
bpf_tools := $(BUILD)/tests/bpf/population
# The one program whose stack is read, in the ways that programs are built.
stack_ways := framed frameless inlined static fixed symbols bare library split
stacks := $(stack_ways:%=$(BUILD)/tests/workload/stack-%)
test_programs := $(unit_tests) $(bpf_tests) $(bpf_tools) $(workloads) $(stacks) \
	$(BUILD)/tests/scenarios/play

# Everything but main, to link from; the linker takes what a test needs.
$(BUILD)/librooms.a: $(filter-out %/main.o,$(call objects,$(program_sources)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/%: tests/%.c $(BUILD)/librooms.a $(BUILD)/libcore.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MT $@ -o $@ $< $(BUILD)/librooms.a \
	$(BUILD)/libcore.a $(TEST_LIBS)

$(BUILD)/tests/workload/forgotten $(BUILD)/tests/workload/paths: ALL_CFLAGS += -O1 -g \
	-fno-omit-frame-pointer

stack_framed := -O0 -g -fno-omit-frame-pointer
stack_frameless := -O2 -g -fomit-frame-pointer
stack_inlined := -O2 -g '-DKIND=__attribute__((always_inline)) inline'
stack_static := -O2 -g -static -no-pie
stack_fixed := -O2 -g -no-pie
stack_symbols := -O2 -g0
stack_bare := -O2 -g0 -s
stack_library := -O2 -g -DLIBRARY -L$(BUILD)/tests/workload -lstack '-Wl,-rpath,$$ORIGIN'
stack_split := -O2 -g -static -Wl,--build-id
stack_compile = $(CC) -std=gnu17 -D_GNU_SOURCE -pthread

$(stacks): $(BUILD)/tests/workload/stack-%: tests/workload/stack.c \
		$(BUILD)/tests/workload/libstack.so
	$(call say,CC,$@)
	$(Q)$(stack_compile) -o $@ $< $(stack_$*)
	$(if $(filter split,$*),$(Q)objcopy --only-keep-debug $@ $@.debug && strip $@ \
	&& objcopy --add-gnu-debuglink=$@.debug $@)

$(BUILD)/tests/workload/libstack.so: tests/workload/stack.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(stack_compile) -O2 -g -DAS_LIBRARY -shared -fPIC -o $@ $<

$(BUILD)/tests/workload/leaky-framed: FRAMES = -O1 -fno-omit-frame-pointer
$(BUILD)/tests/workload/leaky-frameless: FRAMES = -O2 -fomit-frame-pointer
$(leaky): tests/workload/leaky.c | tools
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -g $(FRAMES) -MT $@ -o $@ $<

$(unit_tests): TEST_LIBS = -lcmocka
$(bpf_tests) $(bpf_tools): TEST_LIBS = $(LIBS)
$(workloads): TEST_LIBS = -pthread
# These rooms ask the kernel; what is pure links without libbpf.
$(patsubst %,$(BUILD)/tests/unit/test_%,plan owner host snapshot census \
	symbolizer symbol_parts symbol_process): TEST_LIBS = -lcmocka $(LIBS)
$(bpf_tests): | $(skeletons)

.PHONY: check
check: all $(test_programs) ## build and run the tests (TESTS=tier or program: only these)
	@BUILD=$(BUILD) tests/run $(TESTS)

.PHONY: test
test: ## install what is missing, build, run all tests (as root)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@$(MAKE) --no-print-directory check

.PHONY: test-kernels
test-kernels: ## the same closes on Debian's kernels, in QEMU (KERNELS=all or names)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES) $(KERNEL_PACKAGES))
	@$(MAKE) --no-print-directory check TESTS="--deadline 1800 kernels"

.PHONY: demo
demo: ## install what is missing, build, show real closes (as root)
	$(call install_packages,$(BUILD_PACKAGES) $(DEMO_PACKAGES))
	@$(MAKE) --no-print-directory all $(firstword $(leaky))
	@BUILD=$(BUILD) tests/demo

.PHONY: update-scenarios
update-scenarios: $(BUILD)/tests/scenarios/play ## write tests/scenarios/*/expected.* anew
	@BUILD=$(BUILD) tests/scenarios/test_scenarios --update

.PHONY: format
format: ## lay out all C files by .clang-format
	$(Q)find bpf user vmlinux tests -name '*.[ch]' | xargs clang-format -i

$(BUILD)/tcpclose-trace.8: user/manual.8.in $(BUILD)/tcpclose-trace
	$(call say,MAN,$@)
	$(Q)$(BUILD)/tcpclose-trace --man <$< >$@.new && mv $@.new $@

$(BUILD)/tcpclose-trace.bash: $(BUILD)/tcpclose-trace
	$(Q)$< --completion >$@.new && mv $@.new $@

.PHONY: install
install: all $(BUILD)/tcpclose-trace.8 $(BUILD)/tcpclose-trace.bash ## to DESTDIR, PREFIX
	install -D -m 755 $(BUILD)/tcpclose-trace $(DESTDIR)$(PREFIX)/sbin/tcpclose-trace
	install -D -m 644 $(BUILD)/tcpclose-trace.8 $(DESTDIR)$(PREFIX)/share/man/man8/tcpclose-trace.8
	install -D -m 644 $(BUILD)/tcpclose-trace.bash \
	$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tcpclose-trace

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
