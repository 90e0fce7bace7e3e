/* advice.c: which directive of which web server mends which trouble. */
#include <string.h>
#include <strings.h>

#include "admin/doctor.h"

static const struct {
	const char *name;
	const char *product; /* how its Server header begins */
	const char *mend[TROUBLE__COUNT];
} hosts[HOST__COUNT] = {
	[HOST_LIGHTTPD] = { "lighttpd", "lighttpd", {
		[TROUBLE_ROUTE] = "fastcgi.server = ( \"/\" => (( \"socket\" "
		    "=> ..., \"check-local\" => \"disable\" )) )",
		[TROUBLE_KEY] = "lighttpd passes it on; look at what stands "
		    "before it",
		[TROUBLE_BUFFER] = "server.stream-response-body = 1",
		[TROUBLE_BODY] = "server.max-request-size = 28672",
		[TROUBLE_SLASH] = "server.http-parseopts += "
		    "( \"url-path-2f-reject\" => \"disable\" )",
		[TROUBLE_PREFLIGHT] = "no url.access-deny, mod_auth or "
		    "setenv.* may apply to OPTIONS",
		[TROUBLE_ERRORS] = "server.error-handler = "
		    "\"/farebox-errors/answer.sh\", as in farebox-common.conf",
		[TROUBLE_SILENCE] = "no \"read-timeout\" in fastcgi.server, "
		    "or one above 600",
		[TROUBLE_HTTP2] = "on with TLS unless server.feature-flags "
		    "has \"server.h2proto\" => \"disable\"",
	} },
	[HOST_APACHE_PROXY] = { "Apache with mod_proxy_fcgi", "Apache", {
		[TROUBLE_ROUTE] = "ProxyPass \"/\" "
		    "\"unix:/run/farebox/farebox.sock|fcgi://farebox/\" "
		    "flushpackets=on timeout=660",
		[TROUBLE_KEY] = "CGIPassAuth On, inside <Location \"/\">",
		[TROUBLE_BUFFER] = "flushpackets=on, at the end of ProxyPass; "
		    "and SetEnv no-gzip 1 where mod_deflate is on",
		[TROUBLE_BODY] = "LimitRequestBody 29360128, and "
		    "SecRequestBodyLimit 29360128 where mod_security is on",
		[TROUBLE_SLASH] = "AllowEncodedSlashes NoDecode, inside the "
		    "<VirtualHost>",
		[TROUBLE_PREFLIGHT] = "no <LimitExcept>, AllowMethods, Require "
		    "or Rewrite may apply to OPTIONS",
		[TROUBLE_ERRORS] = "ErrorDocument 400 "
		    "/farebox-errors/400.html and so on, as in farebox.conf",
		[TROUBLE_SILENCE] = "timeout=660, at the end of ProxyPass",
		[TROUBLE_HTTP2] = "a2enmod http2, and Protocols h2 http/1.1",
	} },
	[HOST_APACHE_FCGID] = { "Apache with mod_fcgid", "Apache", {
		[TROUBLE_ROUTE] = "AliasMatch \"^/\" "
		    "\"/usr/local/lib/farebox/farebox.fcgi\" with SetHandler "
		    "fcgid-script, as in farebox-fcgid.conf",
		[TROUBLE_KEY] = "CGIPassAuth On, inside the <Directory> of "
		    "farebox.fcgi; or FcgidPassHeader Authorization",
		[TROUBLE_BUFFER] = "FcgidOutputBufferSize 0; and SetEnv "
		    "no-gzip 1 where mod_deflate is on",
		[TROUBLE_BODY] = "FcgidMaxRequestLen 29360128",
		[TROUBLE_SLASH] = "AllowEncodedSlashes NoDecode, inside the "
		    "<VirtualHost>",
		[TROUBLE_PREFLIGHT] = "no <LimitExcept>, AllowMethods, Require "
		    "or Rewrite may apply to OPTIONS",
		[TROUBLE_ERRORS] = "ErrorDocument 400 "
		    "/farebox-errors/400.html and so on, as in "
		    "farebox-fcgid.conf",
		[TROUBLE_SILENCE] = "FcgidIOTimeout 660 and FcgidBusyTimeout "
		    "720",
		[TROUBLE_HTTP2] = "a2enmod http2, and Protocols h2 http/1.1",
	} },
	[HOST_APACHE_CGI] = { "Apache with plain CGI", "Apache", {
		[TROUBLE_ROUTE] = "RewriteRule \"^(v1(/.*)?|healthz|status)$\" "
		    "farebox.cgi [END], in .htaccess",
		[TROUBLE_KEY] = "SetEnvIfNoCase ^Authorization$ \"(.+)\" "
		    "HTTP_AUTHORIZATION=$1, in .htaccess",
		[TROUBLE_BUFFER] = "SetEnv no-gzip 1, in .htaccess",
		[TROUBLE_BODY] = "LimitRequestBody 29360128, in .htaccess",
		[TROUBLE_SLASH] = "the host's AllowEncodedSlashes NoDecode; "
		    "without it a client may send the slash as it is",
		[TROUBLE_PREFLIGHT] = "no <LimitExcept>, Require or Rewrite "
		    "may apply to OPTIONS",
		[TROUBLE_ERRORS] = "what Apache cannot read is answered before "
		    "any .htaccess: the host's to mend",
		[TROUBLE_SILENCE] = "the host's Timeout; streams are kept "
		    "alive by heartbeat_ms, so prefer them",
		[TROUBLE_HTTP2] = "the host's to turn on",
	} },
	[HOST_NGINX] = { "nginx", "nginx", {
		[TROUBLE_ROUTE] = "location / { fastcgi_pass "
		    "unix:/run/farebox/farebox.sock; }",
		[TROUBLE_KEY] = "fastcgi_param HTTP_AUTHORIZATION "
		    "$http_authorization;",
		[TROUBLE_BUFFER] = "fastcgi_buffering off; and gzip off;",
		[TROUBLE_BODY] = "client_max_body_size 28m;",
		[TROUBLE_SLASH] = "fastcgi_param REQUEST_URI $request_uri;",
		[TROUBLE_PREFLIGHT] = "no limit_except, auth_basic or return "
		    "may apply to OPTIONS",
		[TROUBLE_ERRORS] = "error_page 400 /farebox-errors/400.html; "
		    "and so on, as in farebox-common.conf",
		[TROUBLE_SILENCE] = "fastcgi_read_timeout 660s;",
		[TROUBLE_HTTP2] = "listen 443 ssl http2;",
	} },
};

unsigned
advice_hosts(const char *server)
{
	unsigned found = 0;

	for (int host = 0; server && host < HOST__COUNT; host++)
		if (strncasecmp(server, hosts[host].product,
			strlen(hosts[host].product)) == 0)
			found |= 1U << host;
	return found ? found : (1U << HOST__COUNT) - 1;
}

const char *
advice_host_name(enum host host)
{
	return hosts[host].name;
}

const char *
advice(enum host host, enum trouble trouble)
{
	return hosts[host].mend[trouble];
}
