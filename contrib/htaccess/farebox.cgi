#!/usr/local/lib/farebox/farebox.fcgi
# farebox.cgi: what Apache starts for each request. Both paths must be absolute:
# that of the program above, and that of the configuration, which lies outside
# of what the web server shows. No secrets in here: a misconfigured web server
# shows this file.
config = /home/USER/farebox/farebox.conf
