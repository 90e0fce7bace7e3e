"""stream_client.py: reads a streamed answer event by event, with the times."""

import http.client
import json
import time
from decimal import Decimal

from farebox_test import ANSWER_SECONDS, CHAT, equal, true


class Event:
    """One event or comment, and when it was complete."""

    def __init__(self, text, at):
        self.text = text
        self.at = at

    @property
    def is_comment(self):
        """A line that clients do not look at."""
        return self.text.startswith(":")

    @property
    def data(self):
        """What follows data:, which is one line here."""
        true(self.text.startswith("data: ") and "\n" not in self.text,
             f"not an event of one line: {self.text!r}")
        return self.text[len("data: "):]

    @property
    def is_done(self):
        """The end of a complete answer."""
        return self.data == "[DONE]"

    def json(self):
        """The data as JSON, money as Decimal."""
        return json.loads(self.data, parse_float=Decimal)


class Stream:
    """A chat request whose answer is read while it is made."""

    def __init__(self, port, key, body):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=ANSWER_SECONDS)
        self.began = time.monotonic()
        self.connection.request("POST", CHAT, body, {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json"})
        self.reply = self.connection.getresponse()
        self.head_at = time.monotonic()
        self.status = self.reply.status
        self.headers = {name.lower(): value
                        for name, value in self.reply.getheaders()}
        self.rest = b""

    def next(self):
        """The next event or comment; None at the end."""
        while b"\n\n" not in self.rest:
            part = self.reply.read1(65536)
            if not part:
                equal(self.rest, b"", "what follows the last event")
                return None
            self.rest += part
        text, _, self.rest = self.rest.partition(b"\n\n")
        return Event(text.decode("utf-8"), time.monotonic())

    def all(self):
        """Everything up to the end."""
        events = list(iter(self.next, None))
        self.close()
        return events

    def error(self):
        """The error of an answer that did not become a stream."""
        body = json.loads(self.reply.read())
        self.close()
        return check_error(body)

    def close(self):
        """Leaves, whether or not that was all."""
        self.reply.close()
        self.connection.close()


def check_error(body):
    """The error object of a body or an event, of which the shape is checked."""
    equal(list(body), ["error"], "the body's member")
    equal(sorted(body["error"]), ["code", "message", "param", "type"],
          "the error's members")
    return body["error"]


def content(chunks):
    """The text of choice 0 in chunks."""
    return "".join(choice["delta"].get("content") or ""
                   for chunk in chunks for choice in chunk["choices"]
                   if choice["index"] == 0)


def cost(events):
    """What a comment says that the answer cost, or None."""
    name = ": x-farebox-request-cost "
    told = [e.text[len(name):] for e in events if e.text.startswith(name)]
    true(len(told) < 2, f"the cost is told {len(told)} times")
    return told[0] if told else None
