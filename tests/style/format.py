"""format.py: the shape of every file: columns, blanks, first line, guards."""

import os
import re

import style

CODE = (".c", ".h", ".def", ".py", ".sh", ".mk", ".am", ".ac", ".m4")
COLUMNS_MAX = 80
TAB = 8
LINES_GOAL = 500
LINES_MAX = 600
FUNCTION_P90_MAX = 50
FUNCTION_MAX = 100
# Put together here, so that this file does not hold the words it forbids.
UNFINISHED = re.compile(r"\b(" + "|".join(
    ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")


def is_text(path):
    full = os.path.join(style.ROOT, path)
    if os.path.islink(full) or not os.path.isfile(full):
        return False
    with open(full, "rb") as file:
        return b"\0" not in file.read(8192)


def is_code(path):
    return path.endswith(CODE) or style.is_script(path) is not None


def is_data(path):
    """Samples hold what their makers wrote, blanks and long lines too."""
    return path.startswith("tests/data/") or path.endswith((".json", ".svg"))


def columns(paths):
    return [f"{path}:{number}: {len(line.expandtabs(TAB))} columns"
            for path in paths for number, line in style.lines(path)
            if len(line.expandtabs(TAB)) > COLUMNS_MAX]


def blanks(paths):
    return [f"{path}:{number}: blanks at the end of the line"
            for path in paths for number, line in style.lines(path)
            if line != line.rstrip()]


def ends(paths):
    faults = []
    for path in paths:
        content = style.text(path)
        if content and (not content.endswith("\n")
                        or content.endswith("\n\n")):
            faults.append(f"{path}: does not end with one newline")
        if "\r" in content:
            faults.append(f"{path}: has carriage returns")
    return faults


def unfinished(paths):
    return [f"{path}:{number}: {found.group(0)}"
            for path in paths for number, line in style.lines(path)
            for found in [UNFINISHED.search(line)] if found]


def first_line(paths):
    """Every file says in its first comment what it is called and what for."""
    faults = []
    for path in paths:
        name = re.escape(os.path.basename(path))
        head = "\n".join(line for _, line in style.lines(path)[:3])
        if not re.match(
                r"(#!.*\n)?(/\* |/\*\n \* |# |dnl |\"\"\")([\w.-]+/)*"
                + name + r": \S",
                head):
            faults.append(f"{path}: the first comment does not begin "
                          f"'{os.path.basename(path)}: '")
    return faults


def guards(paths):
    faults = []
    for path in paths:
        guard = re.sub(r"[^A-Z0-9]", "_", path.upper())
        if f"#ifndef {guard}\n#define {guard}\n" not in style.text(path):
            faults.append(f"{path}: the guard is not {guard}")
    return faults


def functions(path):
    """(line, name line, length in lines) of each function definition."""
    start = None
    head = ""
    for number, line in style.lines(path):
        if line == "{":
            start = number
        elif start is None:
            if re.match(r"[A-Za-z_#/]", line):
                head = line
        elif line.startswith("}"):
            yield start, head, number - start - 1
            start = None


def own_line(paths):
    return [f"{path}:{number}: the name does not begin its line: {head}"
            for path in paths for number, head, _ in functions(path)
            if not re.match(r"\w+\(", head)]


def lengths(paths):
    measured = sorted((length, f"{path}:{number}") for path in paths
                      for number, _, length in functions(path))
    faults = [f"{where}: {length} lines" for length, where in measured
              if length > FUNCTION_MAX]
    p90 = measured[len(measured) * 9 // 10][0] if measured else 0
    if p90 > FUNCTION_P90_MAX:
        faults.append(f"a tenth of the functions have {p90} lines or more:")
        faults += [f"{where}: {length} lines" for length, where in measured
                   if length > FUNCTION_P90_MAX]
    return p90, faults


def main():
    tap = style.Tap()
    texts = [p for p in style.files() if is_text(p) and not is_data(p)]
    code = [p for p in texts if is_code(p)]
    c = [p for p in code if p.endswith((".c", ".h", ".def"))]
    rooms = [p for p in c if p.split("/")[0] in style.ROOMS]
    tap.ok(len(rooms) > 20, "the tree was found",
           [f"{len(texts)} files, {len(c)} of them C"])
    tap.clean(columns(code), f"no line has more than {COLUMNS_MAX} columns")
    tap.clean(blanks([p for p in texts if not p.endswith(".md")]),
              "no line ends with blanks")
    tap.clean(ends(texts), "every file ends with one newline")
    tap.clean(unfinished(texts), "nothing is marked as unfinished")
    tap.clean(first_line(c + [p for p in code if p not in c
                              and p.endswith((".py", ".sh", ".mk"))]),
              "the first comment says what a file is")
    tap.clean(guards([p for p in c if p.endswith(".h")
                      and not p.startswith("tests/nocmocka/")]),
              "header guards are named after their files")
    tap.clean(own_line([p for p in c if p.endswith(".c")]),
              "a definition's name begins its line")
    sizes = [(p, len(style.lines(p)) - 1) for p in c]
    tap.clean([f"{p}: {n} lines" for p, n in sizes if n > LINES_MAX],
              f"no file has more than {LINES_MAX} lines")
    long = [f"{p}: {n} lines" for p, n in sizes if n > LINES_GOAL]
    tap.ok(len(long) <= len(sizes) // 20,
           f"hardly a file has more than {LINES_GOAL} lines", long)
    p90, faults = lengths([p for p in rooms if p.endswith(".c")])
    tap.clean(faults, "functions are short")
    print(f"# nine tenths of the functions have at most {p90} lines")
    tap.done()


main()
