#!/usr/bin/env python3
"""odd.py: a server whose answers are odd, chosen by the request's path.

It writes its port to FILE once it listens.  With --tls CERT it speaks TLS
with a self-signed certificate for 127.0.0.1, which it makes and puts there.
"""

import argparse
import gzip
import hashlib
import os
import socketserver
import ssl
import subprocess
import time

SILENCE_SECONDS = 30
NO_READ_SECONDS = 15
FLOOD_BYTES = 64 << 20
BLOCK = b"x" * 65536


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        """Answer requests until a behaviour ends the connection."""
        self.count = 0
        try:
            while self.read_request():
                self.count += 1
                name = self.path.strip("/").replace("-", "_")
                if getattr(self, "do_" + name)() is False:
                    break
        except OSError:
            pass

    def read_request(self):
        """Read a head and, but for /no-read, a body; False at the end."""
        line = self.rfile.readline().decode("latin-1")
        if not line:
            return False
        self.path = line.split(" ")[1]
        self.head = line
        self.fields = {}
        while (line := self.rfile.readline().decode("latin-1")).strip():
            self.head += line
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()
        if self.path != "/no-read":
            self.body = self.rfile.read(
                int(self.fields.get("content-length", 0)))
        return True

    def send(self, data):
        """Send bytes now."""
        self.wfile.write(data)
        self.wfile.flush()

    def whole(self, body, status="200 OK", fields=""):
        """Send a complete answer."""
        head = (f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n"
                f"{fields}\r\n")
        self.send(head.encode() + body)

    def silence(self):
        """Say nothing until the peer leaves."""
        self.connection.settimeout(SILENCE_SECONDS)
        while self.connection.recv(65536):
            pass
        return False

    def flood(self, block):
        """Send a block again and again, within reason."""
        for _ in range(FLOOD_BYTES // len(block)):
            self.send(block)
        return False

    def do_echo(self):
        self.whole(self.head.encode(), fields="Content-Type:  a/b \t\r\n")

    def do_digest(self):
        self.whole(hashlib.sha256(self.body).hexdigest().encode())

    def do_digest_second(self):
        if self.count == 2:
            return False
        return self.do_digest()

    def do_early_hints(self):
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n"
                  b"HTTP/1.1 103 Early Hints\r\ncontent-type: a/hint\r\n"
                  b"retry-after: 9\r\n\r\n")
        self.whole(b"after the hints")

    def do_hints_stall(self):
        self.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return self.silence()

    def do_hints_flood(self):
        return self.flood(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 99)

    def do_http10(self):
        self.send(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        return False

    def do_header_flood(self):
        self.send(b"HTTP/1.1 200 OK\r\n")
        return self.flood(b"x-more: and more\r\n" * 99)

    def do_line_flood(self):
        self.send(b"HTTP/1.1 200 OK\r\nx-long: ")
        return self.flood(BLOCK)

    def do_trailer_flood(self):
        self.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                  b"2\r\nok\r\n0\r\n")
        return self.flood(b"x-more: and more\r\n" * 99)

    def do_half_head(self):
        self.send(b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n")
        return False

    def do_no_http(self):
        self.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        return False

    def do_gzip(self):
        body = gzip.compress(b"a small text")
        self.whole(body, fields="content-encoding: gzip\r\n")

    def do_gzip_garbage(self):
        self.whole(b"no gzip at all", fields="content-encoding: gzip\r\n")

    def do_complaint_flood(self):
        self.send(b"HTTP/1.1 500 Oops\r\n\r\n")
        return self.flood(BLOCK)

    def do_retry_ms(self):
        self.whole(b"", "429 Slow", "retry-after-ms: 1500\r\n"
                   "retry-after: 2\r\n")

    def do_retry_date(self):
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                             time.gmtime(time.time() + 60))
        self.whole(b"", "503 Soon", f"retry-after: {date}\r\n")

    def do_retry_odd(self):
        self.whole(b"", "503 Soon", "retry-after: soon\r\n")

    def do_close_after(self):
        self.whole(b"ok")
        return False

    def do_close_second(self):
        if self.count == 2:
            return False
        self.whole(b"ok")
        return True

    def do_no_read(self):
        time.sleep(NO_READ_SECONDS)
        return False


class Server(socketserver.ThreadingTCPServer):
    """The listener; a TLS handshake is made by the connection's thread."""

    daemon_threads = True
    request_queue_size = 64
    tls = None

    def finish_request(self, request, client_address):
        """Serve a connection, which may be one for TLS."""
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)


def make_tls(cert):
    """A context with a new certificate, which is written to cert."""
    key = cert + ".key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=odd", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    os.unlink(key)
    return context


def serve(handler, description, protocols=()):
    """Serve until a signal ends it; over TLS one of these protocols."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port-file", required=True, metavar="FILE")
    parser.add_argument("--tls", metavar="CERT")
    arguments = parser.parse_args()
    with Server(("127.0.0.1", 0), handler) as server:
        if arguments.tls:
            server.tls = make_tls(arguments.tls)
            server.tls.set_alpn_protocols(protocols)
        temporary = arguments.port_file + ".new"
        with open(temporary, "w", encoding="ascii") as out:
            out.write(f"{server.server_address[1]}\n")
        os.replace(temporary, arguments.port_file)
        server.serve_forever()


if __name__ == "__main__":
    serve(Handler, __doc__)
