"""sdk_fixture.py: a gateway for an official SDK to call.

The calls are a program of their own, in the SDK's language.  It gets what it
needs in FAREBOX_SDK, a JSON object, and prints TAP.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "http"))

from farebox_test import FRONTS, Gateway, Missing  # noqa: E402

# In all: a network that is half there must end before the whole test does.
INSTALL_SECONDS = 150
CALLS_SECONDS = 300

END = time.monotonic() + INSTALL_SECONDS

# The model IDs of the examples in the API manuals that Farebox follows.
MODELS = {name: {"route": "test ok"} for name in (
    "deepseek-v4-flash", "gemini-2.5-flash", "deepseek-v4", "qwen-max",
    "vendor/model:1")}
MODELS["echo"] = {"route": "test echo"}
MODELS["fails"] = {"route": "test status,code=500"}
MODELS["complains"] = {"route": "test status,code=400"}
MODELS["stalls"] = {"route": "deaf ok,delay=600"}
MODELS["tells"] = {"route": "test ok,events=5"}
MODELS["breaks"] = {"route": "test stream-error,after=3"}
MODELS["pause"] = {"route": "test ok,delay=3"}
MODELS["slow"] = {"route": "test ok,events=100,gap=0.1"}

# One of each other kind, as the provider knows them by the same names.
NO_TOKENS = {"price_input": None, "price_output": None}
MODELS["text"] = {"route": "test ok", "kind": "completion"}
MODELS["vectors"] = {"route": "test ok", "kind": "embedding",
                     "price_output": None}
MODELS["painter"] = {"route": "test ok", "kind": "image",
                     "price_images": "0.04, hd 0.08", **NO_TOKENS}
MODELS["voice"] = {"route": "test ok,bytes=50000", "kind": "speech",
                   "price_characters": "15", **NO_TOKENS}
MODELS["ear"] = {"route": "test ok,seconds=2.5", "kind": "transcription",
                 "price_second": "0.0001", **NO_TOKENS}


def skip_all(reason):
    """The whole suite is skipped."""
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def install(what, command, folder):
    """Runs an installer; the suite is skipped when it fails or is slow.

    Also one that looks whether what was installed can be used here.
    """
    seconds = max(0, END - time.monotonic())
    try:
        with subprocess.Popen(
                command, cwd=folder, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True) as process:
            try:
                said = process.communicate(timeout=seconds)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                skip_all(f"{what} was not there after {INSTALL_SECONDS} s")
    except OSError as error:
        skip_all(f"{what} could not be installed: {error}")
    if process.returncode:
        lines = said.strip().splitlines() or [str(process.returncode)]
        skip_all(f"{what} could not be installed: {lines[-1]}")


def open_gateway():
    """A gateway behind the first web server that there is."""
    for front in FRONTS:
        try:
            return Gateway(front, MODELS, providers={
                "deaf": {"first_byte_timeout_ms": 500}})
        except Missing as missing:
            reason = missing
    return skip_all(reason)


def told(gateway):
    """What the calls need to know."""
    return {
        "base_url": f"http://127.0.0.1:{gateway.port}/v1",
        "key": gateway.open_account("sdk", "5"),
        "poor_key": gateway.open_account("poor", "0.000001"),
        "chat_key": gateway.mint("sdk", "--scope", "qwen-max"),
        "single_key": gateway.mint("sdk", "--concurrency", "1"),
        "models": sorted(MODELS),
        "upstream": f"http://127.0.0.1:{gateway.upstream.port}",
    }


def run_calls(command):
    """Runs the calls against a gateway; the exit status."""
    gateway = open_gateway()
    try:
        done = subprocess.run(command, check=False, timeout=CALLS_SECONDS,
                              env={**os.environ,
                                   "FAREBOX_SDK": json.dumps(told(gateway))})
        gateway.check_books()
        if done.returncode:
            gateway.complain()
        return done.returncode
    finally:
        gateway.close()


def run(prepare):
    """prepare(folder) installs an SDK and returns the command of its calls."""
    folder = tempfile.mkdtemp(prefix="farebox-sdk-")
    try:
        sys.exit(run_calls(prepare(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
