# fcgi/room.mk: the program that serves requests, FastCGI and plain CGI.

noinst_LIBRARIES += fcgi/libfarebox-fcgi.a
fcgi_libfarebox_fcgi_a_SOURCES = \
	fcgi/cgi.c \
	fcgi/conn.c fcgi/conn.h \
	fcgi/dispatch.c fcgi/dispatch.h \
	fcgi/listen.c fcgi/listen.h \
	fcgi/pool.c fcgi/pool.h \
	fcgi/reload.c fcgi/reload.h \
	fcgi/serve.c fcgi/serve.h fcgi/serve_private.h fcgi/serve_retry.c \
	fcgi/serve_answer.c \
	fcgi/serve_body.c \
	fcgi/serve_credit.c \
	fcgi/serve_form.c \
	fcgi/serve_key.c \
	fcgi/serve_limit.c fcgi/serve_log.c \
	fcgi/start.c fcgi/start.h \
	fcgi/supervisor.c fcgi/supervisor.h \
	fcgi/title.c fcgi/title.h \
	fcgi/worker.c fcgi/worker.h

fcgi_PROGRAMS += farebox.fcgi
farebox_fcgi_SOURCES = fcgi/main.c
farebox_fcgi_LDADD = \
	fcgi/libfarebox-fcgi.a \
	handlers/libfarebox-handlers.a \
	upstream/libfarebox-upstream.a \
	db/libfarebox-db.a \
	base/libfarebox-base.a \
	$(BASE_LIBS) $(DB_ALL_LIBS) $(UPSTREAM_LIBS) $(FCGI_LIBS)

pool_tests = tests/http/pool_test.py tests/http/cgi_test.py \
	tests/http/stream_memory_test.py tests/http/stream_stop_test.py
TESTS += $(pool_tests)
EXTRA_DIST += $(pool_tests) tests/http/fcgi_client.py \
	tests/http/pool_fixture.py

EXTRA_DIST += \
	contrib/systemd/farebox.service \
	contrib/systemd/farebox.socket
