#!/usr/bin/env python3
"""cgi_test.py: one request to a program of its own, plain CGI."""

import json
import os
import subprocess
import sys

from fcgi_client import Answer, variables
from pool_fixture import PROGRAM, run_tests

BODY = json.dumps({"model": "demo", "max_tokens": 8, "messages": [
    {"role": "user", "content": "Hello"}]}).encode()


def cgi(house, method="GET", uri="/healthz", body=b"", headers=None,
        command=(PROGRAM,), script=PROGRAM, **environment):
    """Runs the program as a web server does; its answer and its log."""
    done = subprocess.run(
        list(command), input=body, capture_output=True, timeout=60,
        env={**house.environment,
             **variables(method, uri, body, headers or {}),
             "SCRIPT_FILENAME": script, "FAREBOX_CONFIG": house.config,
             **environment})
    return Answer(done.stdout), done.stderr.decode()


def paid(house):
    """The headers of a request that is paid for."""
    return {"Authorization": f"Bearer {house.key}",
            "Content-Type": "application/json"}


def a_request_is_answered(house):
    answer, log = cgi(house)
    assert answer.status == 200, answer.body
    assert "mode=cgi" in log, log


def a_body_is_read_and_paid_for(house):
    answer, log = cgi(house, "POST", "/v1/chat/completions", BODY,
                      paid(house))
    assert answer.status == 200, log
    assert answer.json()["choices"], answer.body


def a_body_ends_with_its_length(house):
    answer, log = cgi(house, "POST", "/v1/chat/completions",
                      BODY + b"rubbish", paid(house),
                      CONTENT_LENGTH=str(len(BODY)))
    assert answer.status == 200, log


def a_chunked_body_ends_with_the_input(house):
    answer, log = cgi(house, "POST", "/v1/chat/completions", BODY,
                      {**paid(house), "Transfer-Encoding": "chunked"},
                      CONTENT_LENGTH="")
    assert answer.status == 200, log


def a_body_that_breaks_off_is_refused(house):
    answer, _ = cgi(house, "POST", "/v1/chat/completions", BODY[:20],
                    paid(house), CONTENT_LENGTH=str(len(BODY)))
    assert answer.status in (400, 408), answer.body


def a_query_is_not_a_command_line(house):
    answer, log = cgi(house, uri="/healthz?--recover+/",
                      command=(PROGRAM, "--recover", "/"))
    assert answer.status == 200, log
    assert "not read" in log, log


def a_wrong_configuration_is_a_json_error(house):
    house.write("spam = 1")
    answer, log = cgi(house)
    assert answer.status == 500
    assert answer.code() == "gateway_error", answer.body
    assert sorted(answer.json()["error"]) == [
        "code", "message", "param", "type"]
    assert "spam" in log, log


def dispatcher(house, text):
    """An interpreter script for the program; its path."""
    path = os.path.join(house.folder, "farebox.cgi")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"#!{PROGRAM}\n{text}")
    os.chmod(path, 0o755)
    return path


def a_dispatcher_file_names_the_configuration(house):
    path = dispatcher(house, f"# ours\n\nconfig = {house.config}\n")
    answer, log = cgi(house, command=(path,), script=path,
                      FAREBOX_CONFIG="/nonexistent")
    assert answer.status == 200, log
    assert f"config={house.config}" in log, log


def a_dispatcher_file_holds_nothing_else(house):
    path = dispatcher(house, f"config = {house.config}\nstore = /tmp\n")
    done = subprocess.run(
        [path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**house.environment, "REQUEST_METHOD": "GET",
             "SCRIPT_FILENAME": path})
    assert ":3: expected only" in done.stderr, done.stderr
    assert done.stdout.startswith("Status: 500"), done.stdout


def a_file_that_is_not_the_script_names_nothing(house):
    path = dispatcher(house, "config = /nonexistent\n")
    answer, log = cgi(house, uri=f"/healthz?{path}",
                      command=(PROGRAM, path))
    assert answer.status == 200, log


sys.exit(run_tests([
    a_request_is_answered,
    a_body_is_read_and_paid_for,
    a_body_ends_with_its_length,
    a_chunked_body_ends_with_the_input,
    a_body_that_breaks_off_is_refused,
    a_query_is_not_a_command_line,
    a_wrong_configuration_is_a_json_error,
    a_dispatcher_file_names_the_configuration,
    a_dispatcher_file_holds_nothing_else,
    a_file_that_is_not_the_script_names_nothing,
]))
