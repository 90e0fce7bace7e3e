#!/usr/bin/env python3
"""hosting_test_lighttpd_spawn.py: lighttpd, which starts the workers."""

from hosting_cases import main

main("lighttpd-spawn")
