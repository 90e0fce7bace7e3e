#!/usr/bin/env python3
"""python_test.py: the official OpenAI SDK for Python, from PyPI."""

import os
import sys

import sdk_fixture

VERSION = "openai>=3,<4"


def prepare(folder):
    """A virtual environment with the SDK."""
    python = os.path.join(folder, "venv", "bin", "python")
    sdk_fixture.install("a virtual environment",
                        [sys.executable, "-m", "venv", "venv"], folder)
    sdk_fixture.install("the SDK of PyPI", [
        python, "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", VERSION], folder)
    sdk_fixture.install("the SDK of PyPI", [python, "-c", "import openai"],
                        folder)
    return [python, os.path.join(sdk_fixture.HERE, "calls.py")]


sdk_fixture.run(prepare)
