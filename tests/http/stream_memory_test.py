#!/usr/bin/env python3
"""stream_memory_test.py: what each worker with a running stream has of memory
for itself alone."""

import json
import sys

from fcgi_client import Request
from pool_fixture import is_instrumented, private_kib, run_tests, wait

WORKERS = 16
# 1.2 MB are promised, and a provider that is called with TLS takes 0.26.
LIMIT_KIB = 900
MODEL = """
[model endless]
route = test ok,gap=0.1,events=9000
price_input = 1
price_output = 1
"""
BODY = json.dumps({"model": "endless", "max_tokens": 20, "stream": True,
                   "messages": [{"role": "user", "content": "x"}]}).encode()


def begin_stream(house):
    """A stream that has begun and goes on."""
    request = Request(house.socket, "POST", "/v1/chat/completions", BODY, {
        "Authorization": f"Bearer {house.key}",
        "Content-Type": "application/json"})
    seen = b""
    while b"word1" not in seen:
        seen += request.read(1)
    return request


def a_worker_with_a_stream_is_small(house):
    house.write(more=MODEL)
    pool = house.start("--workers", str(WORKERS), "--socket",
                       house.socket).ready()
    streams = [begin_stream(house) for _ in range(WORKERS)]
    sizes = sorted(private_kib(pid) for pid in pool.workers())
    print(f"# KiB: {sizes}", flush=True)
    for stream in streams:
        stream.close()
    assert len(sizes) == WORKERS, sizes
    assert 0 < sizes[0] and sizes[-1] <= LIMIT_KIB, sizes
    wait("the streams to end", lambda: float(json.loads(house.command(
        "account", "show", "demo", "--json"))["held"]) == 0)


if is_instrumented():
    print("1..0 # SKIP sanitizers take memory of their own")
    sys.exit(0)
sys.exit(run_tests([a_worker_with_a_stream_is_small]))
