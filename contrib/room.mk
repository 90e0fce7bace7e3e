# contrib/room.mk: examples and helpers; what the web servers serve themselves.

errorsdir = $(pkgdatadir)/errors
dist_errors_DATA = \
	contrib/errors/400.html contrib/errors/404.html \
	contrib/errors/405.html contrib/errors/408.html \
	contrib/errors/411.html contrib/errors/413.html \
	contrib/errors/414.html contrib/errors/417.html \
	contrib/errors/431.html contrib/errors/500.html \
	contrib/errors/501.html contrib/errors/502.html \
	contrib/errors/503.html contrib/errors/504.html \
	contrib/errors/answer.sh

nobase_dist_doc_DATA = \
	contrib/HOSTING.md \
	contrib/SIZING.md \
	contrib/sizing.svg \
	contrib/apache/farebox-fcgid.conf \
	contrib/apache/farebox.conf \
	contrib/examples/deepseek.conf \
	contrib/examples/failover.conf \
	contrib/examples/ollama.conf \
	contrib/examples/openai.conf \
	contrib/examples/plans.conf \
	contrib/examples/vllm.conf \
	contrib/htaccess/errors-htaccess \
	contrib/htaccess/farebox.cgi \
	contrib/htaccess/htaccess \
	contrib/lighttpd/farebox-common.conf \
	contrib/lighttpd/farebox-sockets.conf \
	contrib/lighttpd/farebox-spawn.conf \
	contrib/lighttpd/farebox.conf \
	contrib/nginx/farebox-common.conf \
	contrib/nginx/farebox.conf \
	contrib/systemd/farebox.service \
	contrib/systemd/farebox.socket
helpersdir = $(docdir)
nobase_dist_helpers_SCRIPTS = contrib/demo-upstream contrib/mint-key

# These work in the source tree only.
EXTRA_DIST += \
	contrib/check contrib/install-deps \
	contrib/quickstart contrib/quickstart-server.sh \
	contrib/apache/standalone-fcgid.conf.in \
	contrib/apache/standalone.conf.in \
	contrib/htaccess/standalone.conf.in \
	contrib/lighttpd/standalone.conf.in \
	contrib/nginx/standalone.conf.in
