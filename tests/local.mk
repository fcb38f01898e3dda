# tests/local.mk - what belongs to no single room; each room registers its own tests beside its sources.
include tests/shop/local.mk
include tests/shops/local.mk
include tests/promqltest/local.mk
include tests/plugins/local.mk

# Fuzz targets: LLVMFuzzerTestOneInput, built as libFuzzer programs with --enable-fuzz, and always as
# replayers of their corpus (FUZZ_MAIN), so that `make check` runs every seed and every old find.
if FUZZ
FUZZ_MAIN =
FUZZ_LDFLAGS = $(TW_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LDFLAGS = $(TW_LDFLAGS)
endif
EXTRA_DIST += tests/fuzz/replay.c tests/check.sh tests/leap.sh

# All fuzz targets, linked and not run: what scripts/test fuzz starts.
fuzz-targets: $(filter tests/fuzz/fuzz-%,$(check_PROGRAMS))
.PHONY: fuzz-targets

# The tests but for those that drive the real binaries: scripts/test has a stage of its own for them.
list-tests:
	@echo $(filter-out tests/blackbox/%,$(TESTS))
# And those that sanitizers are for: not documents and units, whose commands wait for answers in time.
list-sanitized:
	@echo $(filter-out tests/docs tests/units,$(TESTS))
.PHONY: list-tests list-sanitized
