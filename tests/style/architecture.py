"""architecture.py: ARCHITECTURE.md has a line for every file of the rooms."""

import os
import re

import style

DOCUMENT = "ARCHITECTURE.md"


def main():
    tap = style.Tap()
    if not os.path.exists(os.path.join(style.ROOT, DOCUMENT)):
        tap.ok(False, f"there is {DOCUMENT}")
        tap.done()
    content = style.text(DOCUMENT)
    paths = style.files(*style.ROOMS, ends=(".c", ".h", ".def"))
    for room in style.ROOMS:
        # A pair of .c and .h may share one line: `base/money.{c,h}`, or just
        # `base/money`, or `money.c` in the room's own table.
        tap.clean([path for path in paths if path.startswith(room + "/")
                   and not re.search(
                       r"(?<![\w.-])" + re.escape(
                           os.path.basename(path).rsplit(".", 1)[0])
                       + r"(?![\w-])", content)],
                  f"every file of {room}/ is named")
    named = set(re.findall(
        r"\b(?:" + "|".join(style.ROOMS) + r")/[\w-]+\.(?:c|h|def)\b",
        content))
    tap.clean(sorted(named - set(paths)), "every file that is named is there")
    tap.done()


main()
