#!/usr/bin/env python3
"""node_test.py: the official OpenAI SDK for Node, from npm."""

import os
import shutil

import sdk_fixture

VERSION = "openai@7"


def prepare(folder):
    """A folder with the SDK, and the calls beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        sdk_fixture.skip_all("node or npm is not installed")
    sdk_fixture.install("the SDK of npm", [
        npm, "install", "--no-audit", "--no-fund", "--no-save", VERSION],
        folder)
    sdk_fixture.install("the SDK of npm", [
        node, "--input-type=module", "-e", 'import "openai"'], folder)
    # Node looks for packages beside the file that asks for them.
    calls = os.path.join(folder, "calls.mjs")
    shutil.copy(os.path.join(sdk_fixture.HERE, "calls.mjs"), calls)
    return [node, calls]


sdk_fixture.run(prepare)
