"""manuals.py: mandoc has nothing to say about any man page."""

import os
import shutil
import subprocess

import style

PAGES = ("farebox.8", "farebox.fcgi.8", "farebox.conf.5", "farebox-errors.7")


def main():
    tool = shutil.which("mandoc")
    if not tool:
        style.skip_all("mandoc is not installed")
    tap = style.Tap()
    for page in PAGES:
        run = subprocess.run(
            [tool, "-Tlint", os.path.join(style.BUILD, "man", page)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        # Whether the other pages are installed is not the page's fault.
        tap.clean([line for line in run.stdout.splitlines()
                   if "referenced manual not found" not in line
                   and "mandoc.db" not in line], page)
    tap.done()


main()
