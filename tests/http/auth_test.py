#!/usr/bin/env python3
"""auth_test.py: who may ask, and how a key arrives through a web server."""

import functools
import time

from farebox_test import CHAT, Gateway, equal, free_port, run, true, wait

# Two more Apaches, which keep the Authorization header to themselves; the
# second hands it on under another name, as a rewrite in .htaccess does.
HIDING_APACHES = """
LoadModule setenvif_module "@MODULES@/mod_setenvif.so"
Listen 127.0.0.1:{hidden}
<VirtualHost *:{hidden}>
	Include "@CONTRIB@/apache/farebox.conf"
	<Location "/">
		CGIPassAuth Off
	</Location>
</VirtualHost>
Listen 127.0.0.1:{renamed}
<VirtualHost *:{renamed}>
	Include "@CONTRIB@/apache/farebox.conf"
	<Location "/">
		CGIPassAuth Off
	</Location>
	SetEnvIfNoCase ^Authorization$ "(.+)" REDIRECT_HTTP_AUTHORIZATION=$1
</VirtualHost>
"""


def make(front):
    """A gateway; Apache listens on two more ports."""
    if front != "apache":
        return Gateway(front, {"ok": {}})
    ports = {"hidden": free_port(), "renamed": free_port()}
    gateway = Gateway(front, {"ok": {}},
                      server_extra=HIDING_APACHES.format(**ports))
    gateway.ports = ports
    return gateway


def refused(answer, word):
    """The answer is the 401 whose message holds the word."""
    equal(answer.status, 401, "the status")
    error = answer.error()
    equal(error["code"], "invalid_api_key", "the code")
    true(word in error["message"], f"no {word!r} in {error['message']!r}")
    true(answer.headers["x-request-id"], "there is no request ID")


def header_variants(gateway):
    key = gateway.open_account("variants")
    for value, word in ((None, "missing"), (f"Basic {key}", "Bearer"),
                        (key, "Bearer"), (f"Bearer{key}", "Bearer"),
                        ("Bearer", "one space"), (f"Bearer  {key}", "space"),
                        (f"Bearer {key}x", "not known"),
                        (f"Bearer {key[:-1]}", "not known"),
                        ("Bearer sk-farebox-" + "0" * 43, "not known"),
                        ("Bearer " + "x" * 4000, "not known")):
        headers = {} if value is None else {"Authorization": value}
        for path in ("/v1/models", "/v1/balance"):
            refused(gateway.get(path, headers=headers), word)
        refused(gateway.chat(None, headers=headers), word)
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = gateway.get("/v1/models",
                             headers={"Authorization": f"{scheme} {key}"})
        equal(answer.status, 200, f"the status with {scheme}")
    equal(gateway.books("variants")["spent"], 0, "spent")


def states_act_at_once(gateway):
    key = gateway.open_account("states")
    number = str(gateway.listed("key", "list", "states")[0]["number"])
    for words, word in ((("key", "disable", number), "disabled"),
                        (("key", "enable", number), None),
                        (("account", "suspend", "states"), "suspended"),
                        (("account", "resume", "states"), None),
                        (("key", "revoke", number), "revoked")):
        gateway.farebox(*words)
        for answer in (gateway.chat(key), gateway.get("/v1/models", key)):
            if word:
                refused(answer, word)
            else:
                equal(answer.status, 200, f"the status after {words}")


def expiry(gateway):
    gateway.open_account("expiry")
    # On a busy machine a key may have expired before it is used.
    for seconds in (2, 6, 20, 60):
        until = int(time.time()) + seconds
        key = gateway.farebox(
            "key", "new", "expiry", "--quiet", "--expires", time.strftime(
                "%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)), codes=(0, 2))
        status = gateway.get("/v1/models", key).status
        if time.time() < until:
            break
    equal(status, 200, "the status before")
    wait("the key to expire",
         lambda: gateway.get("/v1/models", key).status == 401, 120)
    refused(gateway.get("/v1/models", key), "expired")


def no_header_is_explained_in_the_log(gateway):
    gateway.get("/v1/models")
    wait("the hint",
         lambda: "no Authorization header arrived" in gateway.log())
    true("CGIPassAuth On" in gateway.log()
         or gateway.front.startswith("lighttpd"), "Apache's cure is not named")


def header_that_apache_hides(gateway):
    if gateway.front != "apache":
        return
    key = gateway.open_account("hidden")
    ask = functools.partial(gateway.request, "GET", "/v1/models", None, key)
    refused(ask(port=gateway.ports["hidden"]), "missing")
    equal(ask(port=gateway.ports["renamed"]).status, 200,
          "the status with REDIRECT_HTTP_AUTHORIZATION")
    body = {"model": "ok", "messages": [{"role": "user", "content": "x"}]}
    paid = gateway.request("POST", CHAT, body, key,
                           port=gateway.ports["renamed"])
    equal(paid.status, 200, "the status of a paid request")


run(make, [
    ("every variant of the header", header_variants),
    ("a change of state acts on the next request", states_act_at_once),
    ("a key expires", expiry),
    ("a missing header is explained to the operator",
     no_header_is_explained_in_the_log),
    ("REDIRECT_HTTP_AUTHORIZATION is taken", header_that_apache_hides),
])
