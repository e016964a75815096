# res_synch: make help

# ---- what can be set ------------------------------------------------------------------------------------------
# ASTERISK_INCLUDE   folder that holds asterisk.h and asterisk/
# ASTERISK_VERSION   major version to build for, where the headers of this machine are not of the wanted one
# ASTMODDIR          where Asterisk looks for modules
# DESTDIR, PREFIX    as usual
PREFIX ?= /usr
SYSCONFDIR ?= /etc
SYSTEM_INCLUDE = $(PREFIX)/include

# The major version of a folder of headers: AMI's runs eleven behind it.
major_of = $(shell sed -n 's/^.define AMI_VERSION *"\([0-9]*\)\..*/\1/p' $(1)/asterisk/manager.h 2>/dev/null \
	| awk '{ print $$1 + 11 }')

ifndef ASTERISK_INCLUDE
SYSTEM_MAJOR := $(call major_of,$(SYSTEM_INCLUDE))
ifeq ($(and $(SYSTEM_MAJOR),$(or $(filter-out $(SYSTEM_MAJOR),$(ASTERISK_VERSION)),same)),same)
ASTERISK_INCLUDE := $(SYSTEM_INCLUDE)
else
UNPACK := $(or $(ASTERISK_VERSION),22)
ifndef ASTERISK_VERSION
GUESSED := yes
endif
ASTERISK_INCLUDE := $(CURDIR)/asterisk-headers/$(UNPACK)
endif
endif
export ASTERISK_INCLUDE

# Asked of the Asterisk of this machine; else where Debian puts them.
ASTERISK_CONF = $(SYSCONFDIR)/asterisk/asterisk.conf
from_conf = $(shell sed -n 's/^ *$(1) *=>* *\([^ ;]*\).*/\1/p' $(ASTERISK_CONF) 2>/dev/null | head -n 1)
from_running = $(shell asterisk -rx 'core show settings' 2>/dev/null | sed -n 's/^ *$(1): *//p' | head -n 1)
multiarch := $(shell gcc -print-multiarch 2>/dev/null)
ASTMODDIR ?= $(or $(call from_conf,astmoddir),$(call from_running,Module directory),$(wildcard \
	$(PREFIX)/lib64/asterisk/modules),$(PREFIX)/lib/$(multiarch)/asterisk/modules)
ASTETCDIR ?= $(or $(call from_conf,astetcdir),$(call from_running,Configuration directory),$(SYSCONFDIR)/asterisk)
ASTDATADIR ?= $(or $(call from_conf,astdatadir),$(call from_running,Data directory),$(PREFIX)/share/asterisk)

DOCDIR = $(PREFIX)/share/doc/res_synch

MODULE = target/release/res_synch.so
LAB_MODULES = target/lab/modules
PURE = --no-default-features --package res_synch

.PHONY: all before headers tools install uninstall deb deb-stand-in deb-check arm64 fleet demo demo-ground one test test-pure test-lab lab-tests check lint release-check bench soak valgrind asan asan-runtime fuzz mutants coverage lab lab-22 clean help
.DEFAULT_GOAL := all

all: tools headers ## the module, at target/release/res_synch.so
	cargo build --release --locked --package res_synch
	@cp target/release/libres_synch.so $(MODULE)
	@echo "$(MODULE) is built for Asterisk $(call major_of,$(ASTERISK_INCLUDE)) (headers: $(ASTERISK_INCLUDE))"

# Rust, a C compiler and libclang (bindgen reads Asterisk's headers with it).
tools:
	@./.ci/tools

headers:
ifdef GUESSED
	@asterisk-headers/fits $(UNPACK)
endif
ifdef UNPACK
	@asterisk-headers/unpack $(UNPACK)
endif

install: all ## module, res_synch.conf where there is none, documentation
	install -d $(DESTDIR)$(ASTMODDIR) $(DESTDIR)$(ASTETCDIR) $(DESTDIR)$(ASTDATADIR)/documentation/thirdparty
	@# A new file and a rename: Asterisk may have the old one mapped, and writing into that would crash it.
	install -m 0755 $(MODULE) $(DESTDIR)$(ASTMODDIR)/.res_synch.so.new
	mv -f $(DESTDIR)$(ASTMODDIR)/.res_synch.so.new $(DESTDIR)$(ASTMODDIR)/res_synch.so
	install -m 0644 docs/res_synch-en_US.xml $(DESTDIR)$(ASTDATADIR)/documentation/thirdparty/
	@# The log and the doctor name these pages.
	install -d $(DESTDIR)$(DOCDIR)/docs/pictures $(DESTDIR)$(DOCDIR)/docs/mosquitto
	install -m 0644 README.md SECURITY.md CHANGELOG.md $(DESTDIR)$(DOCDIR)/
	install -m 0644 docs/*.md $(DESTDIR)$(DOCDIR)/docs/
	install -m 0644 docs/pictures/*.svg docs/pictures/*.png $(DESTDIR)$(DOCDIR)/docs/pictures/
	install -m 0644 docs/mosquitto/* $(DESTDIR)$(DOCDIR)/docs/mosquitto/
	@if [ -e $(DESTDIR)$(ASTETCDIR)/res_synch.conf ]; then \
		echo "$(DESTDIR)$(ASTETCDIR)/res_synch.conf is kept as it is"; \
	else \
		install -m 0640 res_synch.conf.sample $(DESTDIR)$(ASTETCDIR)/res_synch.conf && \
		{ chgrp --reference=$(DESTDIR)$(ASTETCDIR) $(DESTDIR)$(ASTETCDIR)/res_synch.conf || true; }; \
	fi
	@echo
	@echo "Next: edit $(ASTETCDIR)/res_synch.conf, add '#tryinclude pjsip_synch.conf' to $(ASTETCDIR)/pjsip.conf,"
	@echo "then restart Asterisk (its help knows synch from then on), or: asterisk -rx 'module load res_synch.so'"
	@echo "An update of a loaded module is taken up by a restart of Asterisk."

uninstall: ## what install put there; configuration and synced users stay
	rm -f $(DESTDIR)$(ASTMODDIR)/res_synch.so
	rm -f $(DESTDIR)$(ASTDATADIR)/documentation/thirdparty/res_synch-en_US.xml
	rm -rf $(DESTDIR)$(DOCDIR)

# A build of its own, in which no path of this machine is (packaging/deb/build).
deb: tools headers ## a Debian package for one Asterisk, in target/deb (ASTERISK_VERSION=22 ARCH=arm64)
	@$(if $(ARCH),.ci/cross $(ARCH))
	@packaging/deb/build $(call major_of,$(ASTERISK_INCLUDE)) $(ARCH)

# ASTMODDIR and ASTDATADIR are the branch's.
deb-stand-in: ## a package that stands for an Asterisk built from source (ASTERISK_VERSION=22 ASTMODDIR= ASTDATADIR=)
	@packaging/deb/stand-in $(or $(ASTERISK_VERSION),22) $(or $(ARCH),$(shell dpkg --print-architecture)) \
		$(ASTMODDIR) $(ASTDATADIR) target/deb

deb-check: tools headers ## builds the package of the last commit in two folders and compares (two builds)
	@$(if $(ARCH),.ci/cross $(ARCH))
	@packaging/deb/check $(call major_of,$(ASTERISK_INCLUDE)) $(ARCH)

# On this machine's processor: the tests of a Raspberry Pi's package run in an Asterisk that qemu runs.
arm64: tools ## the package of a Raspberry Pi, cross-built and tried under emulation (root; 20 minutes the first time)
	@tests/lab/install arm64
	@.ci/cross arm64
	@asterisk-headers/unpack 22
	@package=$$(ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/22 packaging/deb/build 22 arm64) && echo "$$package" && \
		SYNCH_PACKAGE_ARM64=$$package cargo test --locked --package lab --test arm64 -- --ignored --nocapture

# One module, the demo and its Asterisk, side by side: the module's last step has one processor to itself.
demo: tools ## one outage, from nothing, with a real main, branch and phones (root)
	@tests/lab/install demo
	@echo "1 of 2: the module, the demo and an Asterisk 22 (the first time two minutes or more)"
	@$(MAKE) --no-print-directory --jobs 2 $(LAB_MODULES)/res_synch-22.so demo-ground
	@echo "2 of 2: the story (half a minute)"
	@cargo run --quiet --locked --package lab --bin demo

demo-ground:
	@cargo build --quiet --locked --package lab --bin demo
	@cargo run --quiet --locked --package lab --bin demo prepare

# The laboratory's modules are built beside the pure tests, most of which wait.
test: ## every test (root)
	@$(MAKE) --no-print-directory --jobs 2 test-pure lab
	@$(MAKE) --no-print-directory lab-tests
	@echo "All tests passed, those of the lab on Asterisk 22 and 16."

# Most wait for something: more at once than there are processors halve the time.
test-pure: export RUST_TEST_THREADS ?= 6
test-pure: tools
	cargo test --locked $(PURE)

# Eight tests at once, two of each of four files (tests/lab/all), the longest first: with fewer files, one that has a long test
# at its end would leave places empty.
LONGEST = verdict two_branches hang hangs alone maintenance site_dns exported realtime faults_main export slow_line cycles \
	state_hostile fleet http package calls call_settings
OTHERS = $(filter-out $(LONGEST),$(basename $(notdir $(wildcard tests/lab/tests/*.rs))))
test-lab: lab
	@$(MAKE) --no-print-directory lab-tests

lab-tests:
	cargo test --locked --package lab --no-run
	@tests/lab/all '--lib --' '--bins --' $(foreach test,$(LONGEST) $(OTHERS),'--test=$(test) --')

# TEST is a file of tests/lab/tests, or one of its tests: outage, outage::a_killed_main. ASTERISK_VERSION is 22 or 16. Modules
# are built as the tests are, which is quick, and only those that the file names.
ONE = $(or $(ASTERISK_VERSION),22)
ONE_FILE = $(firstword $(subst ::, ,$(TEST)))
ONE_NAME = $(subst $(ONE_FILE)::,,$(filter-out $(ONE_FILE),$(TEST)))
# Most files have each test twice; those of make fleet are ignored elsewhere.
ONE_TEST = $(if $(shell grep -ls 'on_22_and_16!' tests/lab/tests/$(ONE_FILE).rs),on_$(ONE)::)$(ONE_NAME)
ONE_IS_FLEET = $(filter fleet%,$(ONE_FILE))
ONE_NEEDS = $(ONE) $(shell grep -lqs 'order_panics\|order_hang' tests/lab/tests/$(ONE_FILE).rs && echo faults-$(ONE)) \
	$(shell grep -qs 'V22, Version::V16' tests/lab/tests/$(ONE_FILE).rs && echo $(filter-out $(ONE),22 16)) \
	$(filter older-%,$(ONE_FILE)-$(ONE))
one: tools ## one file of the lab's tests, or one test (TEST=outage::a_killed_main ASTERISK_VERSION=22)
	@[ -e 'tests/lab/tests/$(ONE_FILE).rs' ] || { \
		echo "make one: say TEST=outage or TEST=outage::a_killed_main; the files are in tests/lab/tests" >&2; exit 1; }
	@tests/lab/install $(if $(ONE_IS_FLEET),fleet)
	@for module in $(ONE_NEEDS); do \
		$(MAKE) --no-print-directory target/lab/quick/res_synch-$$module.so || exit 1; \
	done
	@# A name with a hyphen is none for the shell.
	env $(foreach module,$(ONE_NEEDS),SYNCH_MODULE_$(module)=$(CURDIR)/target/lab/quick/res_synch-$(module).so) \
		cargo test --locked --package lab --test $(ONE_FILE) -- $(ONE_TEST) --test-threads=2 $(if $(ONE_IS_FLEET),--include-ignored)

# A dependency that nothing uses is a lint: `unused_crate_dependencies`, in the roots of the crates.
check: lint test-pure ## what needs neither root nor Asterisk: format, lints, pure tests, a short fuzz, licences, known faults

lint: tools ## the same without the tests
	cargo fmt --check --all
	rustfmt --check --edition 2024 tests/fuzz/fuzz_targets/*.rs
	cargo clippy --locked --all-targets $(PURE) -- -D warnings
	cargo clippy --locked --all-targets --package lab -- -D warnings
	asterisk-headers/unpack 22
	ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/22 cargo clippy --locked --package res_synch -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps $(PURE) --quiet
	./.ci/licences
	./.ci/advisories

# What make test leaves out of it. The longest first, as above.
LONG_FLEET = fleet_upgrade fleet_systemd fleet_canary fleet_certificates fleet_backup fleet_install
FLEET = $(LONG_FLEET) $(filter-out $(LONG_FLEET),$(basename $(notdir $(wildcard tests/lab/tests/fleet*.rs))))
fleet: lab-22 ## more of a fleet by Ansible: upgrades, the way back, canaries, backup, restore, maintenance, a pair (root)
	@tests/lab/install fleet
	@tests/lab/all $(foreach test,$(FLEET),'--test=$(test) -- --ignored')

release-check: ## what a release still lacks (docs/developing/releasing.md)
	@./.ci/release-check

# `make bench state` is one part of it, and so is `make bench PART=state`.
PARTS = switch sync files rest restart dns http line main state
PART = $(if $(filter bench,$(MAKECMDGOALS)),$(filter $(PARTS),$(MAKECMDGOALS)))
# A scrape and a restart are measured on both majors.
bench: lab-22 $(if $(or $(filter http restart,$(PART)),$(if $(PART),,all)),$(LAB_MODULES)/res_synch-16.so) $(if $(filter-out sync rest,$(PART)),,before) ## the move for each death of the main; what a sync and a rest cost; our DNS beside four others; a restart; a slow line; a main that exports; shared states (two hours; one of these: make bench state)
	$(foreach part,$(or $(PART),all),cargo run --quiet --locked --package lab --bin bench -- $(part) && )true
ifneq ($(filter bench,$(MAKECMDGOALS)),)
.PHONY: $(PARTS)
$(PARTS): bench
	@:
endif

# The packages, and the module of 22 alone.
lab-22: tools
	@tests/lab/install
	@$(MAKE) --no-print-directory $(LAB_MODULES)/res_synch-22.so

HOURS = 1
soak: lab ## a branch at work for hours: sync, DNS load, outages, reloads in turn; is it flat? (HOURS=1, ASTERISK_VERSION=22, ALONE=alone: without shared states, ONLY=cycle,reloads: nothing else)
	cargo run --quiet --locked --package lab --bin soak -- $(HOURS) $(or $(ASTERISK_VERSION),22) $(ALONE) $(ONLY)

CYCLES = 20
valgrind: lab $(LAB_MODULES)/res_synch-valgrind.so ## load, sync, outage, reload, unload in Asterisk 22 under valgrind: no error, nothing lost (CYCLES=20)
	cargo run --quiet --locked --package lab --bin memory -- valgrind $(CYCLES)

asan: lab asan-runtime $(LAB_MODULES)/res_synch-asan.so ## the pure tests, and the module in Asterisk 22, with AddressSanitizer (CYCLES=20)
	@# Some tests leave what they made, on purpose; what is lost in the module, make valgrind looks for.
	ASAN_OPTIONS=detect_leaks=0 $(ASAN) cargo test --locked $(PURE) $(ASAN_TARGET)
	cargo run --quiet --locked --package lab --bin memory -- asan $(CYCLES)

# An unstable flag of the compiler; what it links comes with every toolchain of rustup's, and with none of Debian's.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
ASAN = RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes"
ASAN_TARGET = --target $(HOST) --target-dir target/asan
asan-runtime: tools
	@ls $$(rustc --print sysroot)/lib/rustlib/$(HOST)/lib/librustc*rt.asan.a >/dev/null 2>&1 || { \
		echo "make asan: this Rust ($$(rustc --version)) has no AddressSanitizer; one installed by rustup has." >&2; exit 1; }

# cargo-fuzz is built once; it wants a compiler that takes unstable flags, and for libFuzzer one for C++. What it finds is
# kept in tests/fuzz/target/found, what ends a target in tests/fuzz/artifacts. `make check` tries the same targets without it.
SECONDS = 60
TARGET = $(notdir $(basename $(wildcard tests/fuzz/fuzz_targets/*.rs)))
fuzz: tools ## any octets to whatever takes some, for SECONDS=60 or RUNS= inputs a target; TARGET=render for one alone
	@command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
	@cd tests/fuzz && for target in $(TARGET); do \
		echo "Fuzzing $$target" && mkdir -p target/found/$$target && \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . $$target target/found/$$target corpus/$$target -- \
			$(if $(RUNS),-runs=$(RUNS),-max_total_time=$(SECONDS)) -timeout=10 -rss_limit_mb=1024 -max_len=4096 || exit 1; \
	done

# The pure modules that decide what is believed and who serves. FILES="src/uplink/ami/stream.rs" for some alone, with
# TESTS="uplink::ami::" for the tests that ought to notice.
FILES = src/uplink/ami/frame/mod.rs src/uplink/ami/numbering.rs src/uplink/ami/stream.rs src/uplink/ami/session.rs \
	$(foreach part,accept policy render select,src/site/users/$(part)/mod.rs) src/dns/serve/limit.rs src/dns/serve/places.rs \
	src/dns/zone/mod.rs src/verdict/probe/*.rs src/verdict/failover/*.rs src/dialplan/vet/*.rs
TESTS = uplink::ami:: attacks:: dialplan:: dns:: verdict:: site::users::
mutants: tools ## changes the pure modules one place at a time, and says which change no test notices (hours; FILES= TESTS=)
	@command -v cargo-mutants >/dev/null || cargo install --quiet --locked cargo-mutants
	cargo mutants --jobs 1 --timeout 120 --no-default-features --output target $(foreach file,$(FILES),--file '$(file)') -- --lib -- $(TESTS)

coverage: tools ## which lines of each pure file the pure tests and the replayed corpora reach
	@./.ci/coverage

# What the lab needs: packages, three modules for each Asterisk. Those of a release are built beside the others: a module's
# last step has one processor.
lab: tools
	@tests/lab/install
	@asterisk-headers/unpack 22 && asterisk-headers/unpack 16
	@$(MAKE) --no-print-directory --jobs 2 lab-debug lab-release

# With +, what it makes shares the jobs of the make above.
one_by_one = +@for module in $(1); do $(MAKE) --no-print-directory $(LAB_MODULES)/res_synch-$$module.so || exit 1; done
.PHONY: lab-debug lab-release
lab-debug:
	$(call one_by_one,older-22 older-16 faults-22 faults-16)
# That of 22 at the end: whoever needs it alone finds it built.
lab-release:
	$(call one_by_one,16 22)

$(LAB_MODULES)/res_synch-%.so: FORCE
	@asterisk-headers/unpack $*
	@mkdir -p $(@D)
	ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/$* cargo build --quiet --release --locked --package res_synch
	@cp target/release/libres_synch.so $@

# A module as the tests are built.
target/lab/quick/res_synch-%.so: FORCE
	@mkdir -p $(@D)
	@case $* in \
		older-*|faults-*) $(MAKE) --no-print-directory $(LAB_MODULES)/res_synch-$*.so && cp $(LAB_MODULES)/res_synch-$*.so $@ ;; \
		*) asterisk-headers/unpack $* && ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/$* cargo build --quiet --locked \
			--package res_synch && cp target/debug/libres_synch.so $@ ;; \
	esac

# The same with panics to order (src/words/faults.rs), for the tests of the lab alone: as the tests are built, which is quick.
$(LAB_MODULES)/res_synch-faults-%.so: FORCE
	@asterisk-headers/unpack $*
	@mkdir -p $(@D)
	ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/$* cargo build --quiet --locked --package res_synch \
		--features faults
	@cp target/debug/libres_synch.so $@

# A module of an older minor, for tests/lab/tests/older.rs.
$(LAB_MODULES)/res_synch-older-%.so: FORCE
	@asterisk-headers/unpack $*
	@mkdir -p $(@D)
	@tests/lab/older-headers asterisk-headers/$* target/lab/headers-older-$*
	ASTERISK_INCLUDE=$(CURDIR)/target/lab/headers-older-$* cargo build --quiet --locked --package res_synch
	@cp target/debug/libres_synch.so $@

# The module of a release, with the lines of the source for valgrind's stacks.
$(LAB_MODULES)/res_synch-valgrind.so: FORCE
	@asterisk-headers/unpack 22
	@mkdir -p $(@D)
	CARGO_PROFILE_RELEASE_DEBUG=line-tables-only ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/22 \
		cargo build --quiet --release --locked --package res_synch
	@cp target/release/libres_synch.so $@

# With debug assertions, too.
$(LAB_MODULES)/res_synch-asan.so: FORCE
	@asterisk-headers/unpack 22
	@mkdir -p $(@D)
	$(ASAN) ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/22 cargo build --quiet --locked --package res_synch $(ASAN_TARGET)
	@cp target/asan/$(HOST)/debug/libres_synch.so $@

# What `make bench` compares with: the module as it was before it asked the main for no more than its own users, and 0.4.0.
# Built once, from this repository's history; without that, the bench only has figures of today.
before: $(foreach commit,df05f3b116c6 04cea6456657,$(LAB_MODULES)/res_synch-at-$(commit).so)
$(LAB_MODULES)/res_synch-at-%.so:
	@mkdir -p $(@D)
	@if ! git cat-file -e $* 2>/dev/null; then echo "No history with $* here: nothing to compare with"; \
	else \
		echo "Building $*, to compare with" && \
		rm -rf target/lab/$* && mkdir target/lab/$* && \
		git archive $* | tar -x -C target/lab/$* && \
		ASTERISK_INCLUDE=$(CURDIR)/asterisk-headers/22 cargo build --quiet --release --locked --package res_synch \
			--manifest-path target/lab/$*/Cargo.toml --target-dir target/lab/$*/target && \
		cp target/lab/$*/target/release/libres_synch.so $@; \
	fi

clean: ## everything that was built, the lab's file systems too
	rm -rf target asterisk-headers/[0-9]*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

FORCE:
