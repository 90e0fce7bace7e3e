#!/usr/bin/env python3
"""http2_test.py: a provider that speaks HTTP/2, as most of the real ones do.

nginx stands before the test upstream.  It speaks TLS, says goodbye after a few
requests of a connection, and resets what the upstream breaks off.
"""

import os
import signal
import subprocess

from farebox_test import (
    CHAT, STOP_SECONDS, Gateway, Missing, equal, find_program, free_port,
    run, true, wait)
from hosting_fixture import make_certificate
from stream_client import Stream, content

IN, OUT = 140, 280
GOOD = 9 * IN + 12 * OUT
GOODBYE = 3  # after so many requests, a connection is not to be used
ASKED = 20
BIG_BYTES = 3_000_000
TAKEN_BYTES = 4_000_000
EVENTS = 20000

EDGE = """
%(user)s
daemon off;
worker_processes 1;
pid %(dir)s/edge.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %(dir)s/edge-body;
	proxy_temp_path %(dir)s/edge-proxy;
	fastcgi_temp_path %(dir)s/edge-fastcgi;
	uwsgi_temp_path %(dir)s/edge-uwsgi;
	scgi_temp_path %(dir)s/edge-scgi;
	keepalive_requests %(goodbye)d;
	keepalive_timeout 600;
	client_max_body_size %(taken)d;
	server {
		listen 127.0.0.1:%(port)d ssl http2;
		ssl_certificate %(dir)s/edge.pem;
		ssl_certificate_key %(dir)s/edge.pem;
		location / {
			proxy_pass http://127.0.0.1:%(upstream)d;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header X-Protocol $server_protocol;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_read_timeout 600;
		}
	}
}
"""

MODELS = {
    "ok": {"route": "edge ok"},
    "echo": {"route": "edge echo"},
    "flood": {"route": f"edge ok,events={EVENTS}"},
    "endless": {"route": "edge ok,gap=0.1,events=9000"},
    "silent": {"route": "edge stream-stall,after=4"},
    "broken": {"route": "edge stream-break,after=4"},
    "cut": {"route": "edge reset-mid"},
    "long": {"route": "edge endless-line"},
}


class Edged(Gateway):
    """A gateway whose provider is behind nginx."""

    edge = None

    def write_config(self, models):
        """The configuration, once there is a certificate to name in it."""
        if not self.edge:
            self.edge_port = free_port()
            make_certificate(self.path("edge.pem"))
            self.providers["edge"] = {
                "base_url": f"https://127.0.0.1:{self.edge_port}/v1",
                "ca_file": self.path("edge.pem.crt"),
                "first_byte_timeout_ms": 3600000}
            self.start_edge()
        super().write_config(models)

    def start_edge(self):
        """Starts nginx, and waits until it listens."""
        server = find_program("nginx")
        if not server:
            raise Missing("nginx is not installed")
        with open(self.path("edge.conf"), "w", encoding="ascii") as out:
            out.write(EDGE % {
                "user": "user root;" if os.geteuid() == 0 else "",
                "dir": self.folder, "port": self.edge_port,
                "goodbye": GOODBYE, "taken": TAKEN_BYTES,
                "upstream": self.upstream.port})
        with open(self.path("edge.out"), "ab") as out:
            self.edge = subprocess.Popen(
                [server, "-p", self.folder, "-e", self.path("edge.out"),
                 "-c", self.path("edge.conf")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(self.edge)
        wait("nginx", lambda: self.edge.poll() is not None
             or os.path.exists(self.path("edge.pid")))
        equal(self.edge.poll(), None, "nginx's exit status")

    def stop_edge(self):
        """Ends nginx at once, with whatever it is doing."""
        self.processes.remove(self.edge)
        self.edge.terminate()
        self.edge.wait(STOP_SECONDS)

    def paid(self, test):
        """Runs a part of a test; what the account paid for it."""
        before = self.books("acme")["spent"]
        test()
        wait("the hold to end", lambda: self.books("acme")["held"] == 0)
        return self.books("acme")["spent"] - before


def body(model):
    """A request for a stream."""
    return (b'{"model":"%b","stream":true,"messages":'
            b'[{"role":"user","content":"x"}]}' % model.encode())


def stream_of(gateway, model):
    """A stream whose head has come, which is good."""
    stream = Stream(gateway.port, gateway.key, body(model))
    equal(stream.status, 200, "the status")
    return stream


def ok(gateway):
    """Asks, and is answered."""
    answer = gateway.chat(gateway.key)
    equal(answer.status, 200, f"the status of {answer}")


def a_whole_answer(gateway):
    gateway.upstream.forget()
    equal(gateway.paid(lambda: ok(gateway)), GOOD, "what was paid")
    seen, = gateway.upstream.log()
    equal(seen["headers"]["x-protocol"], "HTTP/2.0", "what was spoken")


def goodbyes_are_heeded(gateway):
    """A call that meets the end of a connection is made once, elsewhere."""
    gateway.upstream.forget()
    equal(gateway.paid(lambda: [ok(gateway) for _ in range(ASKED)]),
          ASKED * GOOD, "what was paid")
    seen = gateway.upstream.log()
    equal(len(seen), ASKED, "the calls")
    equal({entry["headers"]["x-protocol"] for entry in seen}, {"HTTP/2.0"},
          "what was spoken")


def a_connection_that_is_gone_is_replaced(gateway):
    ok(gateway)
    gateway.stop_edge()
    gateway.start_edge()
    gateway.upstream.forget()
    equal(gateway.paid(lambda: [ok(gateway) for _ in range(4)]), 4 * GOOD,
          "what was paid")
    equal(len(gateway.upstream.log()), 4, "the calls")


def much_goes_both_ways(gateway):
    text = "x" * BIG_BYTES
    answer = gateway.request("POST", CHAT, {
        "model": "echo", "max_tokens": 9,
        "messages": [{"role": "user", "content": text}]}, gateway.key)
    equal(answer.status, 200, f"the status of {answer}")
    true(text in answer.json()["choices"][0]["message"]["content"],
         "what came back holds what was sent")


def an_answer_before_all_is_sent(gateway):
    """nginx refuses by the length, and does not read the body."""
    def refused():
        answer = gateway.request("POST", CHAT, {
            "model": "ok", "messages": [
                {"role": "user", "content": "x" * TAKEN_BYTES}]},
            gateway.key)
        equal((answer.status, answer.error()["code"]),
              (413, "invalid_request"), f"the refusal {answer}")
    equal(gateway.paid(refused), 0, "what was paid")


def a_long_stream(gateway):
    events = [e for e in stream_of(gateway, "flood").all()
              if not e.is_comment]
    true(events.pop().is_done, "the last event")
    equal(content(e.json() for e in events).split(),
          [f"word{i}" for i in range(EVENTS)], "the words")


def read_some(gateway, model="endless", wanted=4):
    """A stream of which some was read, and how many words."""
    stream, words = stream_of(gateway, model), 0
    while words < wanted:
        event = stream.next()
        words += not event.is_comment and bool(content([event.json()]))
    return stream, words


def leave(gateway, model, words):
    """The provider learns of it, and what there was is paid."""
    def left():
        stream, _ = read_some(gateway, model, words)
        equal(gateway.upstream.waiting(), 1, "calls under way")
        stream.close()
        wait("the call to be dropped",
             lambda: gateway.upstream.waiting() == 0)
    true(gateway.paid(left) > words * OUT, "what there was is paid")
    usage = gateway.last_usage("acme")
    equal((usage["http"], usage["code"]), (499, "client_left"), "the record")
    ok(gateway)


def a_client_leaves_while_events_flow(gateway):
    leave(gateway, "endless", 4)


def a_client_leaves_while_all_is_silent(gateway):
    leave(gateway, "silent", 3)


def ended_by_an_error(stream):
    """Reads to the end, which tells of an error of the provider."""
    last = [e for e in stream.all() if not e.is_comment][-1]
    equal(last.json()["error"]["code"], "upstream_error", f"{last.text}")


def a_reset_in_mid_stream(gateway):
    paid = gateway.paid(
        lambda: ended_by_an_error(stream_of(gateway, "broken")))
    true(paid > 0, "what there was is paid")
    equal(sorted(gateway.last_usage("acme")["flags"]),
          ["estimated", "streamed"], "the flags")


def a_reset_in_an_answer(gateway):
    def refused():
        answer = gateway.chat(gateway.key, "cut")
        equal((answer.status, answer.error()["code"]),
              (502, "upstream_error"), f"the answer {answer}")
    equal(gateway.paid(refused), 0, "what was paid")


def an_answer_that_is_too_long(gateway):
    def refused():
        answer = gateway.chat(gateway.key, "long")
        equal((answer.status, answer.error()["code"]),
              (502, "upstream_error"), f"the answer {answer}")
        wait("the call to be dropped",
             lambda: gateway.upstream.waiting() == 0)
    equal(gateway.paid(refused), 0, "what was paid")


def nginx_goes_in_mid_stream(gateway):
    def gone():
        stream, _ = read_some(gateway)
        gateway.stop_edge()
        ended_by_an_error(stream)
    true(gateway.paid(gone) > 4 * OUT, "what there was is paid")
    gateway.start_edge()
    ok(gateway)


def nginx_is_reloaded_in_mid_stream(gateway):
    """It says goodbye, and lets the stream go on."""
    def reloaded():
        stream, words = read_some(gateway)
        gateway.edge.send_signal(signal.SIGHUP)
        for _ in range(4):
            ok(gateway)
        while words < 12:
            event = stream.next()
            words += not event.is_comment and bool(content([event.json()]))
        stream.close()
        wait("the call to be dropped",
             lambda: gateway.upstream.waiting() == 0)
    true(gateway.paid(reloaded) > 4 * GOOD + 12 * OUT, "all of it is paid")


def the_books_are_right(gateway):
    gateway.check_books()


def make(front):
    """A gateway with few workers, so that each meets its connection again."""
    gateway = Edged(front, MODELS, workers=2,
                    settings={"heartbeat_ms": 300,
                              "body_bytes_max": 2 * TAKEN_BYTES,
                              "answer_bytes_max": 2 * BIG_BYTES})
    gateway.key = gateway.open_account("acme", "100")
    return gateway


run(make, [
    (function.__name__.replace("_", " "), function) for function in (
        a_whole_answer,
        goodbyes_are_heeded,
        a_connection_that_is_gone_is_replaced,
        much_goes_both_ways,
        an_answer_before_all_is_sent,
        a_long_stream,
        a_client_leaves_while_events_flow,
        a_client_leaves_while_all_is_silent,
        a_reset_in_mid_stream,
        a_reset_in_an_answer,
        an_answer_that_is_too_long,
        nginx_goes_in_mid_stream,
        nginx_is_reloaded_in_mid_stream,
        the_books_are_right,
    )], fronts=("lighttpd-sockets",))
