# room.mk: handlers/, one file per endpoint, and what they share.

noinst_LIBRARIES += handlers/libfarebox-handlers.a
handlers_libfarebox_handlers_a_SOURCES = \
	handlers/ask.c handlers/ask.h \
	handlers/balance.c \
	handlers/bill.c handlers/bill.h \
	handlers/chat.c handlers/chat_private.h \
	handlers/chat_answer.c \
	handlers/chat_bill.c \
	handlers/chat_check.c \
	handlers/chat_edits.c \
	handlers/chat_make.c \
	handlers/chat_recast.c \
	handlers/chat_stream.c \
	handlers/completion.c \
	handlers/document.c handlers/document.h \
	handlers/embedding.c \
	handlers/endpoint.c handlers/endpoint.h \
	handlers/error_body.c handlers/error_body.h \
	handlers/exchange.c handlers/exchange.h \
	handlers/form.c handlers/form.h \
	handlers/healthz.c \
	handlers/image.c \
	handlers/models.c \
	handlers/preflight.c \
	handlers/refusal.c handlers/refusal.h \
	handlers/relay.c handlers/relay.h \
	handlers/response.c handlers/response.h \
	handlers/scope.c handlers/scope.h \
	handlers/speech.c \
	handlers/status.c \
	handlers/transcription.c \
	handlers/ways.c handlers/ways.h

# The life of a request with the real store, a provider and a client that are
# fakes. The fake provider stands in for the calls of the upstream archive.
handlers_tests = \
	tests/handlers/bill \
	tests/handlers/chat_check \
	tests/handlers/chat_leave \
	tests/handlers/chat_relay \
	tests/handlers/chat_stream \
	tests/handlers/completion \
	tests/handlers/credit \
	tests/handlers/documents \
	tests/handlers/key_use \
	tests/handlers/life \
	tests/handlers/limits \
	tests/handlers/pages \
	tests/handlers/retry \
	tests/handlers/routes \
	tests/handlers/speech \
	tests/handlers/store_fails \
	tests/handlers/transcription
handlers_test_sources = \
	tests/handlers/fake_client.c tests/handlers/fake_client.h \
	tests/handlers/fake_upstream.c tests/handlers/fake_upstream.h \
	tests/handlers/gateway.c tests/handlers/gateway.h
handlers_stream_sources = $(handlers_test_sources) \
	tests/handlers/stream_words.c tests/handlers/stream_words.h
handlers_test_libs = fcgi/libfarebox-fcgi.a \
	handlers/libfarebox-handlers.a upstream/libfarebox-upstream.a \
	db/libfarebox-db.a base/libfarebox-base.a \
	$(BASE_LIBS) $(DB_ALL_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += $(handlers_tests)
TESTS += $(handlers_tests)

tests_handlers_bill_SOURCES = tests/handlers/bill.c
tests_handlers_bill_LDADD = handlers/libfarebox-handlers.a \
	base/libfarebox-base.a $(BASE_LIBS) $(CMOCKA_LIBS)
tests_handlers_chat_check_SOURCES = tests/handlers/chat_check.c \
	$(handlers_test_sources)
tests_handlers_chat_check_LDADD = $(handlers_test_libs)
tests_handlers_chat_relay_SOURCES = tests/handlers/chat_relay.c \
	$(handlers_test_sources)
tests_handlers_chat_relay_LDADD = $(handlers_test_libs)
tests_handlers_chat_leave_SOURCES = tests/handlers/chat_leave.c \
	$(handlers_stream_sources)
tests_handlers_chat_leave_LDADD = $(handlers_test_libs)
tests_handlers_chat_stream_SOURCES = tests/handlers/chat_stream.c \
	$(handlers_stream_sources)
tests_handlers_chat_stream_LDADD = $(handlers_test_libs)
tests_handlers_completion_SOURCES = tests/handlers/completion.c \
	$(handlers_stream_sources)
tests_handlers_completion_LDADD = $(handlers_test_libs)
tests_handlers_credit_SOURCES = tests/handlers/credit.c \
	$(handlers_test_sources)
tests_handlers_credit_LDADD = $(handlers_test_libs)
tests_handlers_documents_SOURCES = tests/handlers/documents.c \
	$(handlers_test_sources)
tests_handlers_documents_LDADD = $(handlers_test_libs)
tests_handlers_key_use_SOURCES = tests/handlers/key_use.c \
	$(handlers_test_sources)
tests_handlers_key_use_LDADD = $(handlers_test_libs)
tests_handlers_life_SOURCES = tests/handlers/life.c $(handlers_test_sources)
tests_handlers_life_LDADD = $(handlers_test_libs)
# The limits' clock is the test's.
tests_handlers_limits_SOURCES = tests/handlers/limits.c \
	$(handlers_test_sources)
tests_handlers_limits_LDADD = $(handlers_test_libs)
tests_handlers_limits_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_us \
	-Wl,--wrap=clock_wall_ms
tests_handlers_pages_SOURCES = tests/handlers/pages.c $(handlers_test_sources)
tests_handlers_pages_LDADD = $(handlers_test_libs)
tests_handlers_pages_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=key_authenticate
tests_handlers_retry_SOURCES = tests/handlers/retry.c $(handlers_test_sources)
tests_handlers_retry_LDADD = $(handlers_test_libs)
tests_handlers_routes_SOURCES = tests/handlers/routes.c \
	$(handlers_stream_sources)
tests_handlers_routes_LDADD = $(handlers_test_libs)
tests_handlers_speech_SOURCES = tests/handlers/speech.c \
	$(handlers_stream_sources)
tests_handlers_speech_LDADD = $(handlers_test_libs)
tests_handlers_store_fails_SOURCES = tests/handlers/store_fails.c \
	$(handlers_test_sources)
tests_handlers_store_fails_LDADD = $(handlers_test_libs)
tests_handlers_store_fails_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=key_authenticate -Wl,--wrap=key_lists_model \
	-Wl,--wrap=ledger_hold -Wl,--wrap=ledger_settle \
	-Wl,--wrap=ledger_release -Wl,--wrap=usage_append
tests_handlers_transcription_SOURCES = tests/handlers/transcription.c \
	$(handlers_test_sources)
tests_handlers_transcription_LDADD = $(handlers_test_libs)
