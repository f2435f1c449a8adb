# tcpclose-trace: build, demo, tests. `make help` lists what one can ask for.

# SANITIZE=1: all of it with gcc's address and undefined behaviour sanitizers, in its own folder.
BUILD ?= build$(if $(SANITIZE),/sanitized)
PREFIX ?= /usr/local
VERSION := 0.1.0

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

# With sanitizers gcc warns of what cannot happen.
WERROR := $(if $(CI),$(if $(SANITIZE),,-Werror))
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
CFLAGS ?= $(if $(SANITIZE),-O1,-O2) -g
SANITIZERS := $(if $(SANITIZE),-fsanitize=address -fsanitize=undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer)
# What runs in the kernel is the same in both, and for every architecture.
BPF_BUILD ?= $(if $(SANITIZE),$(BUILD:%/sanitized=%),$(BUILD))
ALL_CFLAGS := -std=gnu17 $(CFLAGS) $(WARN) $(EXTRA_CFLAGS) -Iuser -Ibpf -I$(BPF_BUILD) -MMD -MP \
	-D_GNU_SOURCE -DVERSION='"$(VERSION)"'
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	$(if $(CI),-Werror) -Ivmlinux -Ibpf -MMD -MP
LIBS := -lbpf -lmnl -ldw -lelf -lz -lcap -lseccomp

BUILD_PACKAGES := make gcc libc6-dev linux-libc-dev clang llvm bpftool libbpf-dev libelf-dev \
	libdw-dev zlib1g-dev libmnl-dev libcap-dev libseccomp-dev
DEMO_PACKAGES := iproute2 nginx-light redis-server redis-tools curl python3
KERNEL_PACKAGES := qemu-system-x86 qemu-system-arm lld busybox-static lz4 zstd \
	debian-archive-keyring
# libbpf-tools: tcpstates and tcplife.
BENCH_PACKAGES := iproute2 python3 nginx-light wrk iperf3 tcpdump tshark libbpf-tools bpftrace
TEST_PACKAGES := $(DEMO_PACKAGES) $(KERNEL_PACKAGES) $(BENCH_PACKAGES) libcmocka-dev clang-format \
	nftables nodejs libclang-rt-14-dev chromium chromium-driver cppcheck
LINT_PACKAGES := clang-tidy

pure_sources := $(wildcard user/base/*.c user/core/*.c)
program_sources := $(wildcard user/*.c \
	$(foreach room,host kernel owner symbols capture output,user/$(room)/*.c))
witnesses := socket packet
# What `timewait` and `leaks` attach, and what lists descriptors: without the ring.
objects_of_bpf := $(witnesses) population close_wait task_files
# To load one more object takes longer than all that a list of descriptors is for.
listers := socket close_wait

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
witness_objects = $(patsubst %.c,$(BPF_BUILD)/%.o,\
	$(if $(filter $(1),$(witnesses)),bpf/ring.bpf.c bpf/emit.bpf.c) \
	$(sort $(wildcard bpf/$(1)/*.bpf.c)) \
	$(if $(filter $(1),$(listers)),bpf/task_files/task_files.bpf.c))
skeletons := $(objects_of_bpf:%=$(BPF_BUILD)/%.skel.h)

.PHONY: all
all: $(BUILD)/tcpclose-trace ## build the program

$(BUILD)/tcpclose-trace: $(call objects,$(program_sources)) $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(SANITIZERS) -o $@ $^ $(LIBS)

# The pure core: the unit tests and fuzzers link it without libbpf.
$(BUILD)/libcore.a: $(call objects,$(pure_sources))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/user/core/%.o: ALL_CFLAGS += -Wconversion

$(BUILD)/user/%.o: user/%.c | tools
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(SANITIZERS) -c -o $@ $<

$(call objects,$(wildcard user/kernel/*.c)): | $(skeletons)

# The page of `report`: its parts become one file up to the data and one from behind it. Its policy
# lets run only what has these hashes; each part begins with a line feed, behind its tag.
page := user/output/page
page_scripts := $(patsubst %,$(page)/%.js,format reader opened filter counts charts overview table \
	story ladder facts detail main)
page_hash = sha256-$$({ echo; cat $(1); } | sha256sum | cut -c 1-64 | tr a-f A-F \
	| basenc --base16 -d | base64)

$(BUILD)/$(page)/whole.html: $(page)/page.html $(page)/page.css $(page_scripts)
	$(call say,PAGE,$@)
	$(Q)mkdir -p $(@D) && cat $(page_scripts) >$(@D)/page.js
	$(Q)sed -e "s|@style-hash@|$(call page_hash,$(page)/page.css)|" \
	-e "s|@script-hash@|$(call page_hash,$(@D)/page.js)|" \
	-e '/^@style@$$/{r $(page)/page.css' -e 'd}' -e '/^@script@$$/{r $(@D)/page.js' -e 'd}' \
	$< >$@.new && mv $@.new $@

$(BUILD)/$(page)/head.html: $(BUILD)/$(page)/whole.html
	$(Q)sed '/^@data@$$/,$$d' $< >$@

$(BUILD)/$(page)/tail.html: $(BUILD)/$(page)/whole.html
	$(Q)sed '1,/^@data@$$/d' $< >$@

$(BUILD)/$(page)_parts.o: ALL_CFLAGS += -Wa,-I$(BUILD)/$(page)
$(BUILD)/$(page)_parts.o: $(BUILD)/$(page)/head.html $(BUILD)/$(page)/tail.html

$(BPF_BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | tools
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

define witness_rules
$(BPF_BUILD)/$(1).linked.o: $(call witness_objects,$(1))
	$$(call say,BPFLINK,$$@)
	$$(Q)$$(BPFTOOL) gen object $$@ $$^

$(BPF_BUILD)/$(1).skel.h: $(BPF_BUILD)/$(1).linked.o
	$$(call say,SKEL,$$@)
	$$(Q)$$(BPFTOOL) gen skeleton $$< name $(1) > $$@.new && mv $$@.new $$@
endef
$(foreach object,$(objects_of_bpf),$(eval $(call witness_rules,$(object))))

.PHONY: tools
tools:
	@for tool in $(firstword $(CC)) $(CLANG) $(BPFTOOL); do command -v $$tool >/dev/null || { \
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
bench_tools := $(BUILD)/tests/bench/packets $(BUILD)/tests/bench/core_speed
properties := $(BUILD)/tests/properties/test_properties
# The one program whose stack is read, in the ways that programs are built.
stack_ways := framed frameless inlined static fixed symbols bare library split
stacks := $(stack_ways:%=$(BUILD)/tests/workload/stack-%)
test_programs := $(unit_tests) $(bpf_tests) $(bpf_tools) $(bench_tools) $(workloads) $(stacks) \
	$(BUILD)/tests/scenarios/play $(BUILD)/tests/page/many $(properties)

# Everything but main, to link from; the linker takes what a test needs.
$(BUILD)/librooms.a: $(filter-out %/main.o,$(call objects,$(program_sources)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/%: tests/%.c $(BUILD)/librooms.a $(BUILD)/libcore.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(SANITIZERS) -MT $@ -o $@ $< $(BUILD)/librooms.a \
	$(BUILD)/libcore.a $(TEST_LIBS) -lz

$(BUILD)/tests/workload/forgotten $(BUILD)/tests/workload/paths: ALL_CFLAGS += -O1 -g \
	-fno-omit-frame-pointer

$(BUILD)/tests/workload/substitute: ALL_CFLAGS += -shared -fPIC

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
$(bpf_tests) $(bpf_tools) $(bench_tools): TEST_LIBS = $(LIBS)
$(workloads): TEST_LIBS = -pthread
$(BUILD)/tests/workload/foreign: TEST_LIBS = $(LIBS)
$(workloads): private SANITIZERS := # they are the programs of others
# These rooms ask the kernel; what is pure links without libbpf.
$(patsubst %,$(BUILD)/tests/unit/test_%,plan owner holdings host snapshot census questions \
	symbolizer symbol_parts symbol_process syscall_filter): TEST_LIBS = -lcmocka $(LIBS)
$(bpf_tests) $(bench_tools): | $(skeletons)

# The fuzz targets, and what they link, with clang's sanitizers: replayed in every test, run for real
# by `make fuzz`. Without the sanitizers' runtime there are none, and the tests say so.
FUZZ_SECONDS ?= 600
fuzz_targets := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_rooms := base core capture output symbols
# Of the rooms that ask the kernel: those that make something of its answers.
fuzz_readers := host/clock host/mounts host/proc kernel/census kernel/links kernel/listeners \
	kernel/netlink kernel/snapshot owner/descriptors owner/memberships option_table \
	option_values options
fuzz_objects := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(filter-out tests/fuzz/fuzz_%,$(wildcard \
	$(fuzz_rooms:%=user/%/*.c) $(fuzz_readers:%=user/%.c) tests/fuzz/*.c)))
FUZZ_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer $(WARN) -Iuser -Ibpf -D_GNU_SOURCE \
	-DVERSION='"$(VERSION)"' -DSTREAM_ROOM=1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -MMD -MP

$(BUILD)/fuzz/%.o: %.c | tools
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<

$(BUILD)/fuzz/$(page)_parts.o: FUZZ_CFLAGS += -Wa,-I$(BUILD)/$(page)
$(BUILD)/fuzz/$(page)_parts.o: $(BUILD)/$(page)/head.html $(BUILD)/$(page)/tail.html

$(BUILD)/fuzz/librooms.a: $(fuzz_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(fuzz_targets): $(BUILD)/tests/%: $(BUILD)/fuzz/tests/%.o $(BUILD)/fuzz/librooms.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) -fsanitize=fuzzer,address,undefined $(FUZZ_LDFLAGS) -o $@ $^ \
	$(FUZZ_LIBS) -lz

$(BUILD)/tests/fuzz/fuzz_netlink: FUZZ_LDFLAGS = -Wl,--wrap=fopen
$(BUILD)/tests/fuzz/fuzz_netlink: FUZZ_LIBS = -lmnl
$(BUILD)/tests/fuzz/fuzz_elf: FUZZ_LIBS = -ldw -lelf

.PHONY: fuzzers fuzz-targets
fuzz-targets: $(fuzz_targets)
fuzzers:
	@if [ -e "$$($(CLANG) -print-file-name=libclang_rt.fuzzer-$$(uname -m).a)" ]; then \
	$(MAKE) --no-print-directory fuzz-targets; else rm -f $(fuzz_targets); fi

.PHONY: fuzz
fuzz: fuzzers ## run the fuzz targets, FUZZ_SECONDS each (600); TARGETS=names: only these
	@BUILD=$(BUILD) tests/fuzz/test_corpus --fuzz $(FUZZ_SECONDS) $(TARGETS)

.PHONY: update-corpus
update-corpus: fuzzers ## tests/fuzz/corpus anew, from it and what `make fuzz` found
	@BUILD=$(BUILD) tests/fuzz/test_corpus --update $(TARGETS)

# The core once more, each line counted, with what exercises it.
counted := $(BUILD)/coverage
counted_tests := $(patsubst %.c,$(counted)/%,$(shell grep -l '"core/' tests/unit/test_*.c) \
	tests/scenarios/play.c tests/properties/test_properties.c)

$(counted)/user/%.o: user/%.c | tools
	$(call say,COUNT,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -O0 --coverage -c -o $@ $<

$(counted)/libcore.a: $(patsubst %.c,$(counted)/%.o,$(wildcard user/core/*.c)) \
		$(call objects,$(wildcard user/base/*.c))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(counted_tests): $(counted)/tests/%: tests/%.c $(BUILD)/librooms.a $(counted)/libcore.a
	$(call say,COUNT,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MT $@ -o $@ $< $(BUILD)/librooms.a \
	$(counted)/libcore.a --coverage $(if $(filter tests/unit/%,$<),-lcmocka) -lz

.PHONY: coverage
coverage: $(counted_tests) ## how much of the core's lines and branches the tests reach
	@BUILD=$(BUILD) tests/properties/test_coverage

.PHONY: test-programs
test-programs: all $(test_programs)

# The programs of other tiers once more. Those of a build that is sanitized itself are of no use.
.PHONY: sanitized
sanitized: test-programs
	@$(if $(SANITIZE),,$(MAKE) --no-print-directory SANITIZE=1 BUILD=$(BUILD)/sanitized test-programs)

.PHONY: tested
tested: test-programs $(if $(SANITIZE),,$(counted_tests)) fuzzers
tested: $(if $(or $(if $(TESTS),,all),$(findstring sanitized,$(TESTS))),sanitized)

.PHONY: check
check: tested ## build and run the tests (TESTS=tier or program: only these)
	@BUILD=$(BUILD) tests/run $(TESTS)

.PHONY: test
test: ## install what is missing, build, run all tests (as root)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@$(MAKE) --no-print-directory -j$$(nproc) tested
	@$(MAKE) --no-print-directory check

.PHONY: properties
properties: $(properties) ## the core against scripted worlds, SECONDS=60 of them, or SEED=one
	@$< $(if $(SEED),0 $(SEED),$(or $(SECONDS),60) $$(date +%s))

.PHONY: test-kernels
test-kernels: ## of them what runs on Debian's kernels, in QEMU (KERNELS=names: only these)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@KERNEL_SECONDS=$${KERNEL_SECONDS:-1600} $(MAKE) --no-print-directory check TESTS=kernels

# For another architecture, into a folder of its own; tests/kernels/cross.py calls it.
machine_workloads := $(addprefix $(BUILD)/tests/workload/,closes waits forgotten interrupted churn)

.PHONY: cross
cross: $(BUILD)/tcpclose-trace $(machine_workloads)

.PHONY: soak
soak: all $(test_programs) ## nothing grows or is lost in SOAK_SECONDS (1800) of many closes (as root)
	@BUILD=$(BUILD) SOAK_SECONDS=$${SOAK_SECONDS:-1800} tests/netns/test_soak.py

.PHONY: soak-kernels
soak-kernels: ## the same on Debian's kernels, in QEMU (KERNELS=names, 6.12)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@$(MAKE) --no-print-directory test-programs
	@BUILD=$(BUILD) SOAK_SECONDS=$${SOAK_SECONDS:-1800} KERNELS="$(or $(KERNELS),6.12)" \
	tests/kernels/test_kernels.py

bench_programs := $(bench_tools) $(addprefix $(BUILD)/tests/workload/,churn crowd substitute)

.PHONY: bench
bench: ## how fast, beside what people use today (as root; BENCH=subjects ROUNDS=3 SECONDS=3 LARGE=1)
	$(call install_packages,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
	@$(MAKE) --no-print-directory -j$$(nproc) all $(bench_programs)
	@BUILD=$(BUILD) tests/bench/bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(SECONDS),--seconds $(SECONDS)) $(if $(LARGE),--large) $(BENCH)

.PHONY: update-bench-table
update-bench-table: ## README's table of the newest results of `make bench`
	@tests/bench/table.py

.PHONY: demo
demo: ## install what is missing, build, show real closes (as root)
	$(call install_packages,$(BUILD_PACKAGES) $(DEMO_PACKAGES))
	@$(MAKE) --no-print-directory -j$$(nproc) all $(firstword $(leaky))
	@BUILD=$(BUILD) tests/demo

.PHONY: update-scenarios
update-scenarios: $(BUILD)/tests/scenarios/play ## write tests/scenarios/*/expected.* anew
	@BUILD=$(BUILD) tests/scenarios/test_scenarios --update

.PHONY: lint
lint: all ## cppcheck, which every test runs, and clang-tidy, which takes minutes
	$(call install_packages,$(BUILD_PACKAGES) cppcheck $(LINT_PACKAGES))
	@BUILD=$(BUILD) tests/style/test_lint.py --all

.PHONY: format
format: ## lay out all C files by .clang-format
	$(Q)find bpf user vmlinux tests -name '*.[ch]' | xargs clang-format -i

$(BUILD)/tcpclose-trace.8: user/manual.8.in $(BUILD)/tcpclose-trace
	$(call say,MAN,$@)
	$(Q)$(BUILD)/tcpclose-trace --man <$< >$@.new && mv $@.new $@

$(BUILD)/tcpclose-trace.service: user/tcpclose-trace.service.in
	$(Q)mkdir -p $(@D) && sed 's|@sbindir@|$(PREFIX)/sbin|' $< >$@

$(BUILD)/tcpclose-trace.bash: $(BUILD)/tcpclose-trace
	$(Q)$< --completion >$@.new && mv $@.new $@

.PHONY: install
install: all $(addprefix $(BUILD)/tcpclose-trace.,8 bash service) ## to DESTDIR, PREFIX
	install -D -m 755 $(BUILD)/tcpclose-trace $(DESTDIR)$(PREFIX)/sbin/tcpclose-trace
	install -D -m 644 $(BUILD)/tcpclose-trace.8 $(DESTDIR)$(PREFIX)/share/man/man8/tcpclose-trace.8
	install -D -m 644 $(BUILD)/tcpclose-trace.bash \
	$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tcpclose-trace
	install -D -m 644 $(BUILD)/tcpclose-trace.service \
	$(DESTDIR)$(PREFIX)/lib/systemd/system/tcpclose-trace.service

# What was unpacked of kernels is none of ours.
-include $(shell find $(BUILD) -path $(BUILD)/kernels -prune -o -type f -name '*.d' -print 2>/dev/null)
