#!/usr/bin/env python3
"""hosting_test_lighttpd_sockets.py: lighttpd in front of sockets."""

from hosting_cases import main

main("lighttpd-sockets")
