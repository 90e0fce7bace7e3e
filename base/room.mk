# base/room.mk: what every room may use.

noinst_LIBRARIES += base/libfarebox-base.a
base_libfarebox_base_a_SOURCES = \
	base/address.c base/address.h \
	base/amount.def base/amounts.h \
	base/arena.c base/arena.h \
	base/audio.c base/audio.h \
	base/clock.c base/clock.h \
	base/conf.c base/conf.h base/conf_private.h \
	base/conf_check.c base/conf_fields.c base/conf_fill.c \
	base/conf_images.c base/conf_prices.c base/conf_report.c \
	base/conf_route.c base/conf_sample.c \
	base/digest.c base/digest.h \
	base/endpoint.def \
	base/error.c base/error.def base/error.h \
	base/json.c base/json.h base/json_char.c base/json_edit.c \
	base/json_tree.c base/json_view.c base/json_view.h \
	base/json_view_private.h \
	base/log.c base/log.h \
	base/money.c base/money.h \
	base/multipart.c base/multipart.h \
	base/option.c base/option.def \
	base/tokens.c base/tokens.h

base_unit_tests = \
	tests/unit/address \
	tests/unit/arena tests/unit/audio tests/unit/clock tests/unit/conf \
	tests/unit/conf_prices tests/unit/conf_problems \
	tests/unit/conf_routes tests/unit/digest tests/unit/error \
	tests/unit/json tests/unit/json_edit tests/unit/json_view \
	tests/unit/log tests/unit/money \
	tests/unit/multipart \
	tests/unit/tokens
base_unit_libs = base/libfarebox-base.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += $(base_unit_tests)
TESTS += $(base_unit_tests)

tests_unit_address_SOURCES = tests/unit/address.c
tests_unit_address_LDADD = $(base_unit_libs)
tests_unit_arena_SOURCES = tests/unit/arena.c
tests_unit_arena_LDADD = $(base_unit_libs)
tests_unit_audio_SOURCES = tests/unit/audio.c
tests_unit_audio_LDADD = $(base_unit_libs)
tests_unit_clock_SOURCES = tests/unit/clock.c
tests_unit_clock_LDADD = $(base_unit_libs)
tests_unit_conf_SOURCES = tests/unit/conf.c \
	tests/unit/conf_file.c tests/unit/conf_file.h
tests_unit_conf_LDADD = $(base_unit_libs)
tests_unit_conf_prices_SOURCES = tests/unit/conf_prices.c \
	tests/unit/conf_file.c tests/unit/conf_file.h
tests_unit_conf_prices_LDADD = $(base_unit_libs)
tests_unit_conf_problems_SOURCES = tests/unit/conf_problems.c \
	tests/unit/conf_file.c tests/unit/conf_file.h
tests_unit_conf_problems_LDADD = $(base_unit_libs)
tests_unit_conf_routes_SOURCES = tests/unit/conf_routes.c \
	tests/unit/conf_file.c tests/unit/conf_file.h
tests_unit_conf_routes_LDADD = $(base_unit_libs)
tests_unit_digest_SOURCES = tests/unit/digest.c
tests_unit_digest_LDADD = $(base_unit_libs)
tests_unit_error_SOURCES = tests/unit/error.c
tests_unit_error_LDADD = $(base_unit_libs)
tests_unit_json_SOURCES = tests/unit/json.c
tests_unit_json_LDADD = $(base_unit_libs)
tests_unit_json_edit_SOURCES = tests/unit/json_edit.c
tests_unit_json_edit_LDADD = $(base_unit_libs)
tests_unit_json_view_SOURCES = tests/unit/json_view.c tests/unit/json_same.h
tests_unit_json_view_LDADD = $(base_unit_libs)
tests_unit_log_SOURCES = tests/unit/log.c
tests_unit_log_LDADD = $(base_unit_libs)
tests_unit_money_SOURCES = tests/unit/money.c
tests_unit_money_LDADD = $(base_unit_libs)
tests_unit_multipart_SOURCES = tests/unit/multipart.c
tests_unit_multipart_LDADD = $(base_unit_libs)
tests_unit_tokens_SOURCES = tests/unit/tokens.c
tests_unit_tokens_LDADD = $(base_unit_libs)

EXTRA_DIST += tests/fuzz/address.c tests/fuzz/multipart.c
