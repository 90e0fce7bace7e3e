#!/usr/bin/env python3
"""hosting_test_apache_reuse.py: Apache with enablereuse=on."""

from hosting_cases import main

main("apache-reuse")
