#!/usr/bin/env python3
"""hosting_test_apache_fcgid.py: Apache with mod_fcgid."""

from hosting_cases import main

main("apache-fcgid")
