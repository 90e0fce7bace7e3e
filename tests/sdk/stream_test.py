#!/usr/bin/env python3
"""stream_test.py: clients of npm that stream: OpenAI, AI SDK, LangChain."""

import os
import shutil

import sdk_fixture

VERSIONS = ("openai@7", "ai@5", "@ai-sdk/openai-compatible@1",
            "@langchain/openai@1", "@langchain/core@1")


def prepare(folder):
    """A folder with the packages, and the calls beside them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        sdk_fixture.skip_all("node or npm is not installed")
    sdk_fixture.install("the streaming clients of npm", [
        npm, "install", "--no-audit", "--no-fund", "--no-save",
        "--legacy-peer-deps", *VERSIONS], folder)
    sdk_fixture.install("the streaming clients of npm", [
        node, "--input-type=module", "-e", "".join(
            f'import "{version.rpartition("@")[0]}";'
            for version in VERSIONS if "/core" not in version)], folder)
    calls = os.path.join(folder, "streams.mjs")
    shutil.copy(os.path.join(sdk_fixture.HERE, "streams.mjs"), calls)
    return [node, calls]


sdk_fixture.run(prepare)
