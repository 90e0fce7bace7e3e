#!/usr/bin/env python3
"""hosting_test_apache.py: Apache with mod_proxy_fcgi."""

from hosting_cases import main

main("apache")
