"""dist.py: the distribution holds every file of the tree."""

import os
import subprocess

import style


def distributed():
    run = subprocess.run(
        ["make", "-s", "--no-print-directory", "-C", style.BUILD,
         "print-distfiles"],
        stdout=subprocess.PIPE, text=True, check=True,
        env={k: v for k, v in os.environ.items()
             if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
    paths = set()
    for word in run.stdout.split():
        path = os.path.relpath(os.path.join(style.BUILD, word), style.ROOT)
        full = os.path.join(style.ROOT, path)
        if os.path.isdir(full):
            paths.update(style.files(path))
        else:
            paths.add(os.path.normpath(path) if os.path.exists(full)
                      else word)
    return paths


def main():
    tap = style.Tap()
    # These are for the repository, which a distribution is not; .git is a file
    # where it is checked out beside another.
    wanted = [p for p in style.files() if p not in (".git", ".gitignore")]
    held = distributed()
    tap.ok(len(held) > 20, "the list was read")
    tap.clean([p for p in wanted if p not in held],
              "every file is distributed")
    tap.done()


main()
