# wire/local.mk - the frames between agent and host.
noinst_LTLIBRARIES += wire/libtwwire.la
wire_libtwwire_la_SOURCES = wire/frame.c wire/frame.h wire/messages.c wire/messages.h

check_PROGRAMS += tests/unit/test-wire tests/fuzz/fuzz-frame
TESTS += tests/unit/test-wire tests/fuzz/fuzz-frame
tests_unit_test_wire_SOURCES = tests/unit/test-wire.c
tests_unit_test_wire_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_LDADD = wire/libtwwire.la lib/libtw.la $(CMOCKA_LIBS)
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz-frame.c $(FUZZ_MAIN)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_frame_LDADD = wire/libtwwire.la lib/libtw.la
