"""shellcheck.py: shellcheck finds nothing in any shell script."""

import os
import shutil
import subprocess

import style


# Functions that are called through a variable, and top_builddir, which make
# check sets.
NOT_WRONG = ("SC2317", "SC2154")


def main():
    tool = shutil.which("shellcheck")
    if not tool:
        style.skip_all("shellcheck is not installed")
    tap = style.Tap()
    scripts = [path for path in style.files()
               if style.is_script(path) in ("sh", "bash", "dash")]
    tap.ok(len(scripts) > 1, "the scripts were found")
    for path in scripts:
        run = subprocess.run(
            [tool, "-x", "-e", ",".join(NOT_WRONG),
             os.path.join(style.ROOT, path)],
            stdout=subprocess.PIPE, text=True, cwd=style.ROOT, check=False)
        tap.ok(run.returncode == 0, path, run.stdout.splitlines())
    tap.done()


main()
