"""fcgi_client.py: asks a FastCGI program over its Unix socket."""

import json
import socket
import struct

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = 1
KEEP_CONN = 1
RECORD_MAX = 65535
TIMEOUT = 60


class Broken(Exception):
    """The connection ended before the answer did."""


def record(kind, content):
    """One record of request 1."""
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def records(kind, content):
    """A stream of records, with the empty one that ends it."""
    parts = [content[i:i + RECORD_MAX]
             for i in range(0, len(content), RECORD_MAX)]
    return b"".join(record(kind, part) for part in parts + [b""])


def length(text):
    """The length of a name or a value, as it stands before it."""
    if len(text) < 128:
        return struct.pack("!B", len(text))
    return struct.pack("!L", len(text) | 0x80000000)


def variables(method, uri, body, headers):
    """The CGI variables of a request, as a web server sets them."""
    path, _, query = uri.partition("?")
    found = {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": method, "REQUEST_URI": uri, "SCRIPT_NAME": path,
        "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80",
    }
    if body:
        found["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items():
        name = name.upper().replace("-", "_")
        found[name if name == "CONTENT_TYPE" else "HTTP_" + name] = value
    return found


class Answer:
    """What a program said: the status, the headers, the body."""

    def __init__(self, text):
        head, _, self.body = text.partition(b"\r\n\r\n")
        self.headers = {}
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.status = int(self.headers.get("status", "200").split()[0])

    def json(self):
        """The body, read as JSON."""
        return json.loads(self.body)

    def code(self):
        """The code of an error."""
        return self.json()["error"]["code"]


class Request:
    """A request that has been sent; answer() waits for what comes back."""

    def __init__(self, path, method="GET", uri="/healthz", body=b"",
                 headers=None, flags=0):
        params = b"".join(
            length(name) + length(value) + name + value
            for name, value in (
                (name.encode(), value.encode()) for name, value in
                variables(method, uri, body, headers or {}).items()))
        self.socket = connect(path)
        self.socket.sendall(
            record(BEGIN_REQUEST, struct.pack("!HB5x", RESPONDER, flags)) +
            records(PARAMS, params) + records(STDIN, body))

    def read(self, size):
        """Exactly size bytes."""
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Broken(f"{len(data)} of {size} bytes")
            data += part
        return data

    def answer(self, close=True):
        """The whole answer."""
        out = b""
        while True:
            _, kind, _, size, padding, _ = struct.unpack(
                "!BBHHBB", self.read(8))
            content = self.read(size)
            self.read(padding)
            if kind == STDOUT:
                out += content
            elif kind == END_REQUEST:
                break
        if close:
            self.close()
        return Answer(out)

    def close(self):
        """Leaves, whether or not there was an answer."""
        self.socket.close()


def connect(path):
    """A connection to a Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    connection.connect(path)
    return connection


def get(path, uri="/healthz", **more):
    """Asks with GET and waits for the answer."""
    return Request(path, uri=uri, **more).answer()


def chat(path, key, model="demo", **more):
    """Sends a chat completion request."""
    body = json.dumps({"model": model, "max_tokens": 8, "messages": [
        {"role": "user", "content": "Hello"}]}).encode()
    return Request(path, "POST", "/v1/chat/completions", body, {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json"}, **more)
