#!/usr/bin/env python3
"""hosting_test_cgi.py: plain CGI on a host with .htaccess files only."""

from hosting_cases import main

main("cgi")
