#!/usr/bin/env python3
"""pool_test.py: workers and their supervisor: start, stop, replacement."""

import contextlib
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import time

from fcgi_client import KEEP_CONN, Broken, Request, chat, connect, get
from pool_fixture import PROGRAM, is_alive, open_files, run_tests, wait

# Passes two descriptors on as 3 and 4, as systemd does.
ACTIVATE = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[3], sys.argv[3:])
"""

# Has a program write its log to a descriptor that was passed on.
LOG_ELSEWHERE = """\
import os, sys
os.dup2(int(sys.argv[1]), 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


def in_flight(house, path, n=1, model="slow"):
    """n slow requests, each of which a worker has taken."""
    requests = [chat(path, house.key, model) for _ in range(n)]
    wait("the provider to be asked", lambda: waiting(house) >= n)
    return requests


def waiting(house):
    """How many requests wait at the provider."""
    host, port = house.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /_count HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(4096), b""))
    return int(text.partition(b'"open": ')[2].split(b",")[0])


def listening(path):
    """A listening socket at path."""
    found = socket.socket(socket.AF_UNIX)
    found.bind(path)
    found.listen(64)
    return found


def help_and_version(_house):
    for word, expected in (("--help", "--socket-group GROUP"),
                           ("--version", "farebox.fcgi ")):
        done = subprocess.run([PROGRAM, word], check=True, text=True,
                              capture_output=True)
        assert expected in done.stdout, done.stdout


def a_command_line_that_makes_no_sense_is_refused(house):
    for words, expected in (
            ((), "nothing to serve"),
            (("--workers", "4"), "nothing to serve"),
            (("--workers", "no"), "not a number"),
            (("--socket-mode", "0888", "--socket", "x"), "octal"),
            (("--socket",), "needs a value"),
            (("--spam",), "no such option")):
        pool = house.start(command=[PROGRAM, *words],
                           stdin=subprocess.DEVNULL)
        assert pool.end() == 2, words
        assert expected in pool.log(), pool.log()


def a_pool_starts_and_stops(house):
    pool = house.start("--workers", "2", "--socket", house.socket,
                       "--socket-mode", "0600").ready()
    assert "mode=supervisor workers=2" in pool.log(), pool.log()
    assert "mode=worker" in pool.log(), pool.log()
    assert stat.S_IMODE(os.stat(house.socket).st_mode) == 0o600
    assert len(pool.workers()) == 2
    assert pool.stop() == 0
    assert not os.path.exists(house.socket)


def a_wrong_configuration_does_not_start(house):
    house.write("requests_per_worker = many")
    pool = house.start()
    assert pool.end() == 1
    assert "requests_per_worker" in pool.log(), pool.log()
    assert not os.path.exists(house.socket)


def a_stop_lets_a_request_finish(house):
    pool = house.start().ready()
    requests = in_flight(house, pool.path, 2)
    pool.kill(signal.SIGTERM)
    wait("the socket to go", lambda: not os.path.exists(house.socket))
    for request in requests:
        assert request.answer().status == 200
    assert pool.end() == 0


def a_second_stop_does_not(house):
    pool = house.start().ready()
    request = chat(pool.path, house.key, "silent")
    wait("the provider to be asked", lambda: waiting(house) >= 1)
    pool.kill(signal.SIGTERM)
    wait("the first stop", lambda: "stop, running" in pool.log())
    assert pool.process.poll() is None
    pool.kill(signal.SIGTERM)
    assert pool.end() == 1
    try:
        request.answer()
    except (Broken, ConnectionError):
        return
    raise AssertionError("the request was answered")


def workers_retire_and_are_replaced(house):
    house.write("requests_per_worker = 5")
    pool = house.start().ready()
    seen = set()
    for _ in range(40):
        seen.update(pool.workers())
        assert get(pool.path).status == 200
    assert len(seen) >= 6, seen
    assert "died" not in pool.log(), pool.log()


def a_dead_worker_is_replaced(house):
    pool = house.start().ready()
    old = pool.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait("two new workers", lambda: len(
        set(pool.workers()) - set(old)) == 2)
    pool.ready()
    assert "worker died" in pool.log() and "signal=9" in pool.log()


def workers_that_die_young_are_replaced_ever_more_slowly(house):
    pool = house.start("--workers", "1", "--socket", house.socket).ready()
    seen = set()
    began = time.monotonic()
    while time.monotonic() < began + 30:
        for pid in set(pool.workers()) - seen:
            seen.add(pid)
            os.kill(pid, signal.SIGUSR2)
        # Slowed down: few in the time in which hundreds could have begun.
        if time.monotonic() > began + 3 and len(seen) >= 3:
            break
        time.sleep(0.01)
    assert 3 <= len(seen) <= 20, seen
    pool.ready()


def workers_do_not_outlive_their_supervisor(house):
    pool = house.start().ready()
    workers = pool.workers()
    request, = in_flight(house, pool.path)
    pool.kill(signal.SIGKILL)
    pool.end()
    assert request.answer().status == 200
    wait("the workers to leave",
         lambda: not any(is_alive(pid) for pid in workers))


def a_stale_socket_is_replaced(house):
    listening(house.socket).close()
    house.start().ready()


def a_socket_in_use_is_left_alone(house):
    first = house.start().ready()
    second = house.start()
    assert second.end() == 1
    assert "in use" in second.log(), second.log()
    assert first.answers()


def a_file_in_the_place_of_the_socket_is_left_alone(house):
    with open(house.socket, "w", encoding="ascii") as out:
        out.write("precious")
    assert house.start().end() == 1
    with open(house.socket, encoding="ascii") as text:
        assert text.read() == "precious"


def the_light_pool_answers_while_all_others_wait(house):
    pool = house.start("--workers", "2", "--light", "1", "--socket",
                       house.socket).ready()
    assert len(pool.workers()) == 3
    requests = in_flight(house, pool.path, 2, "silent")
    for _ in range(5):
        assert get(house.socket + "-light").status == 200
    assert waiting(house) == 2
    pool.kill(signal.SIGTERM)
    wait("the first stop", lambda: "stop, running" in pool.log())
    pool.kill(signal.SIGTERM)
    assert pool.end() == 1
    for request in requests:
        request.close()
    assert not os.path.exists(house.socket + "-light")


def connections_without_a_request_do_no_harm(house):
    house.write("body_timeout_ms = 300")
    pool = house.start("--workers", "1", "--socket", house.socket).ready()
    worker, = pool.workers()
    for rubbish in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\1\1\0\1\0\10\0\0"):
        connection = connect(pool.path)
        connection.sendall(rubbish)
        connection.close()
    silent = connect(pool.path)
    assert get(pool.path).status == 200
    silent.close()
    assert pool.workers() == [worker]


def a_kept_connection_does_not_hold_a_worker(house):
    # One that did would be waited for longer than the client waits.
    house.write("body_timeout_ms = 3600000")
    pool = house.start("--workers", "1", "--socket", house.socket).ready()
    kept = [Request(pool.path, flags=KEEP_CONN) for _ in range(4)]
    for request in kept:
        assert request.answer(close=False).status == 200
    for request in kept:
        assert request.socket.recv(1) == b""
        request.close()


def a_body_that_is_not_wanted_does_not_cost_the_answer(house):
    house.write("body_bytes_max = 1024")
    pool = house.start().ready()
    request = Request(pool.path, "POST", "/v1/chat/completions",
                      b" " * (8 << 20), {
                          "Authorization": f"Bearer {house.key}",
                          "Content-Type": "application/json"})
    assert request.answer().status == 413


def a_changed_configuration_is_picked_up(house):
    pool = house.start().ready()
    requests = in_flight(house, pool.path, 2)
    house.write(more="[model second]\nroute = test ok\n"
                "price_input = 1\nprice_output = 1\n")
    for request in requests:
        assert request.answer().status == 200
    for _ in range(4):
        answer = chat(pool.path, house.key, "second").answer()
        assert answer.status == 200, answer.body
    wait("the log", lambda: "config reloaded" in pool.log())
    assert pool.log().count("config reloaded") == 1, pool.log()


def a_wrong_change_keeps_the_old_configuration(house):
    house.write("requests_per_worker = 3")
    pool = house.start().ready()
    seen = set(pool.workers())
    house.write("requests_per_worker = none\nspam = 1")
    for _ in range(20):
        assert chat(pool.path, house.key).answer().status == 200
        seen.update(pool.workers())
    assert len(seen) > 4, seen
    assert pool.log().count("spam") == 1, pool.log()
    assert pool.log().count("config not reloaded") == 1, pool.log()
    assert "died" not in pool.log(), pool.log()


def a_hangup_reads_the_configuration_again(house):
    pool = house.start().ready()
    workers = pool.workers()
    pool.kill(signal.SIGHUP)
    wait("the log", lambda: "config reloaded" in pool.log())
    assert pool.answers()
    assert pool.workers() == workers


def without_a_store_nothing_runs_until_there_is_one(house):
    store = house.store + "-late"
    house.write(store=store)
    pool = house.start()
    answer = wait("an answer", pool.asked)
    assert answer.status == 503, answer.body
    assert answer.code() == "credit_check_failed", answer.body
    house.command("store", "init")
    pool.ready()


def sockets(pid):
    """The listening sockets that a process has open, by inode."""
    with open(f"/proc/{pid}/net/unix", encoding="ascii") as text:
        listen = {words[6] for words in map(str.split, text)
                  if words[3] == "00010000"}
    return {name[8:-1] for name in open_files(pid)
            if name.startswith("socket:[") and name[8:-1] in listen}


def a_worker_keeps_no_other_socket(house):
    pool = house.start("--workers", "2", "--light", "2", "--socket",
                       house.socket).ready()
    get(house.socket + "-light")

    def found_one_each():
        found = [sockets(pid) for pid in pool.workers()]
        return [len(one) for one in found] == [1, 1, 1, 1] and found

    # A worker that has just begun still has its supervisor's.
    found = wait("each worker to have one socket", found_one_each)
    assert len(set.union(*found)) == 2, found
    assert sockets(pool.pid) == set.union(*found)
    assert pool.stop() == 0


def signals(pid):
    """Which signals a worker ignores and catches, once it is idle and blocks
    none."""
    def look():
        with open(f"/proc/{pid}/status", encoding="utf-8") as text:
            masks = dict(line.split() for line in text
                         if line.startswith("Sig"))
        return int(masks["SigBlk:"], 16) == 0 and (
            masks["SigIgn:"], masks["SigCgt:"])
    return wait("an idle worker that blocks no signal", look)


def workers_take_signals_whoever_starts_them(house):
    pool = house.start("--workers", "1", "--socket", house.socket).ready()
    supervised = signals(pool.workers()[0])
    assert pool.stop() == 0
    with listening(house.socket) as passed:
        pool = house.start(command=[PROGRAM, "--config", house.config],
                           stdin=passed).ready()
        assert signals(pool.pid) == supervised, supervised


def each_worker_has_other_random_bits(house):
    house.write("requests_per_worker = 1")
    pool = house.start("--workers", "4", "--socket", house.socket).ready()
    # Behind 10 digits of time there are 16 of chance.
    bits = [get(pool.path).headers["x-request-id"][-16:] for _ in range(40)]
    assert all(bits) and len(set(bits)) == 40, bits


def a_web_server_starts_a_worker(house):
    house.write("stop_grace_ms = 60000")
    with listening(house.socket) as passed:
        pool = house.start(command=[PROGRAM, "--config", house.config],
                           stdin=passed)
        pool.ready()
        assert "mode=worker" in pool.log(), pool.log()
        request, = in_flight(house, pool.path)
        pool.kill(signal.SIGTERM)
        assert request.answer().status == 200
        assert pool.end() == 0


def fill(pipe):
    """So that whoever writes to it waits."""
    os.set_blocking(pipe, False)
    for size in (512, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"." * size)
    os.set_blocking(pipe, True)


def read_line_of(log, answer):
    """Reads the end of a pipe that is a log until an answer is logged."""
    name, logged = answer.headers["x-request-id"].encode(), b""
    while name not in logged:
        logged += os.read(log, 65536)


def tables_of(pid):
    """Which tables a process has open."""
    return {os.path.basename(name) for name in open_files(pid)
            if name.endswith(".db")}


def a_worker_opens_the_tables_that_it_uses(house):
    with listening(house.socket) as passed:
        pool = house.start(command=[PROGRAM, "--config", house.config],
                           stdin=passed).ready()
        assert chat(pool.path, house.key, "demo").answer().status == 200
        tables = tables_of(pool.pid)
        assert {"accounts.db", "ledger.db", "usage.db"} <= tables, tables
        # Only who administers the store asks for these.
        assert not {"account_names.db", "account_keys.db"} & tables, tables
        assert pool.stop() == 0


def an_answer_does_not_wait_for_the_log(house):
    reader, writer = os.pipe()
    with listening(house.socket) as passed:
        pool = house.start(
            command=[sys.executable, "-c", LOG_ELSEWHERE, str(writer),
                     PROGRAM, "--config", house.config],
            stdin=passed, pass_fds=[writer]).ready()
        # A line that is still to come would wait, too, and its worker with it.
        read_line_of(reader, get(pool.path))
        fill(writer)
        answer = Request(pool.path, uri="/nothing").answer()
        assert answer.status == 404
        read_line_of(reader, answer)
        assert pool.stop() == 0
    os.close(reader)
    os.close(writer)


def a_web_server_starts_a_supervisor(house):
    with listening(house.socket) as passed:
        pool = house.start("--workers", "3", stdin=passed).ready()
        assert "mode=supervisor workers=3" in pool.log(), pool.log()
        assert len(pool.workers()) == 3
        assert pool.stop() == 0


def systemd_passes_the_sockets(house):
    light = house.socket + "-light"
    with listening(house.socket) as main, listening(light) as second:
        passed = [fcntl.fcntl(end, fcntl.F_DUPFD, 50)
                  for end in (main, second)]
        pool = house.start(
            command=[sys.executable, "-c", ACTIVATE, *map(str, passed),
                     PROGRAM, "--config", house.config, "--workers", "1",
                     "--light", "1", "--socket", house.socket],
            pass_fds=passed, stdin=subprocess.DEVNULL)
        for end in passed:
            os.close(end)
        pool.ready()
        request, = in_flight(house, house.socket)
        assert get(light).status == 200
        assert request.answer().status == 200
        assert pool.stop() == 0
        assert os.path.exists(house.socket)
    os.unlink(light)


sys.exit(run_tests([
    help_and_version,
    a_command_line_that_makes_no_sense_is_refused,
    a_pool_starts_and_stops,
    a_wrong_configuration_does_not_start,
    a_stop_lets_a_request_finish,
    a_second_stop_does_not,
    workers_retire_and_are_replaced,
    a_dead_worker_is_replaced,
    workers_that_die_young_are_replaced_ever_more_slowly,
    workers_do_not_outlive_their_supervisor,
    a_stale_socket_is_replaced,
    a_socket_in_use_is_left_alone,
    a_file_in_the_place_of_the_socket_is_left_alone,
    the_light_pool_answers_while_all_others_wait,
    connections_without_a_request_do_no_harm,
    a_kept_connection_does_not_hold_a_worker,
    a_body_that_is_not_wanted_does_not_cost_the_answer,
    a_changed_configuration_is_picked_up,
    a_wrong_change_keeps_the_old_configuration,
    a_hangup_reads_the_configuration_again,
    without_a_store_nothing_runs_until_there_is_one,
    a_worker_keeps_no_other_socket,
    workers_take_signals_whoever_starts_them,
    each_worker_has_other_random_bits,
    a_web_server_starts_a_worker,
    a_worker_opens_the_tables_that_it_uses,
    an_answer_does_not_wait_for_the_log,
    a_web_server_starts_a_supervisor,
    systemd_passes_the_sockets,
]))
