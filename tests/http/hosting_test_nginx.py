#!/usr/bin/env python3
"""hosting_test_nginx.py: nginx."""

from hosting_cases import main

main("nginx")
