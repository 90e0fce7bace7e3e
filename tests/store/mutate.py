"""mutate.py: turn any comparison about money around, and a test fails."""

# Each comparison of the files below is inverted, one at a time, in a copy; the
# tests are linked with it and must fail, or crash, or never end. What they do
# not notice is a survivor, and a gap in the tests, unless it is listed here as
# one that changes nothing.

import concurrent.futures
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ["top_srcdir"]
BUILD = os.environ["top_builddir"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "style"))
import style  # noqa: E402

LONG = bool(os.environ.get("FAREBOX_LONG"))
SAMPLES = 8
TEST_SECONDS_MAX = 30
CONTROL_SECONDS_MAX = 600  # a slow machine is no fault
# file: (program, its arguments) of each test that knows it
TESTS = {
    "base/money.c": [("tests/unit/money", ())],
    "db/hold.c": [("tests/store/ledger", ()),
                  ("tests/store/unknown", ()),
                  ("tests/store/answer", ()),
                  ("tests/store/model", ("--seed", "1", "--ops", "3000")),
                  ("tests/store/model", ("--seed", "2", "--ops", "20000"))],
}
TESTS["db/ledger.c"] = TESTS["db/hold.c"]
CONTROLS = ("base/money.c", "db/hold.c")  # between them, all the tests

WRAPPED = ("tests/store/model", "tests/store/unknown")

INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=",
           "<=": ">"}

# (file, the line without blanks at its ends, which comparison of it): why its
# inverse does the same.
EQUIVALENT = {
}


def code_only(line):
    """The line with strings, comments and arrows blotted out."""
    line = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'',
                  lambda found: "_" * len(found.group(0)), line)
    line = re.sub(r"->", "__", line)
    return re.sub(r"/\*.*", lambda found: " " * len(found.group(0)), line)


def mutants(path):
    """(line number, column, operator, which of its line) of each comparison"""
    comment = False
    for number, line in style.lines(path):
        stripped = line.strip()
        if comment or stripped.startswith(("/*", "*", "#")):
            comment = "*/" not in line and (comment or "/*" in line)
            continue
        found = re.finditer(r"(?<![<>=!])(==|!=|<=|>=|<|>)(?![<>=])",
                            code_only(line))
        for nth, one in enumerate(found):
            yield number, one.start(), one.group(0), nth


class Mutant:
    """A comparison to be inverted; without an operator, nothing is."""

    def __init__(self, path, number=1, column=0, operator="", nth=0):
        self.path = path
        self.number = number
        self.line = style.lines(path)[number - 1][1]
        self.column = column
        self.operator = operator
        self.nth = nth

    def __str__(self):
        return (f"{self.path}:{self.number}: '{self.operator}' "
                f"({self.nth + 1} of its line) made "
                f"'{INVERSE[self.operator]}': {self.line.strip()}")

    def known(self):
        return EQUIVALENT.get((self.path, self.line.strip(), self.nth))

    def write(self, folder):
        lines = style.text(self.path).split("\n")
        line = lines[self.number - 1]
        end = self.column + len(self.operator)
        if self.operator:
            lines[self.number - 1] = (line[:self.column] +
                                      INVERSE[self.operator] + line[end:])
        source = os.path.join(folder, os.path.basename(self.path))
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        return source


def shell(command, folder):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def objects_of(program):
    """The test's own objects, which make has built."""
    name = program.replace("/", "_").replace("-", "_")
    run = subprocess.run(
        ["make", "-s", "--no-print-directory", "-C", BUILD, "-f", "-",
         "print"], text=True, stdout=subprocess.PIPE, check=True,
        input=f"include Makefile\nprint:\n\t@echo $({name}_OBJECTS)\n",
        env={k: v for k, v in os.environ.items()
             if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
    return run.stdout.split()


def link(program, mutated, output, folder):
    """Links a test with the mutated object before the archives."""
    objects = [os.path.join(BUILD, one) for one in OBJECTS[program]]
    wrap = ["-Wl,--wrap=store_transact_on"] if program in WRAPPED else []
    run = shell(LINK_CC + ["-o", output] + objects + [mutated] + [
        os.path.join(BUILD, "db/libfarebox-db.a"),
        os.path.join(BUILD, "base/libfarebox-base.a")] + wrap + LIBS, folder)
    if run.returncode:
        raise RuntimeError(f"cannot link {program}: {run.stdout[-400:]}")


def notices(program, arguments, folder, seconds):
    """Whether the test fails, or does not come to an end."""
    env = dict(os.environ, TMPDIR=folder)
    process = subprocess.Popen([program, *arguments], cwd=folder, env=env,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        return process.wait(seconds) != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        # The test, and what it may have started and left.
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()


def try_mutant(mutant, scratch):
    """The test that noticed it, or None."""
    seconds = TEST_SECONDS_MAX if mutant.operator else CONTROL_SECONDS_MAX
    with tempfile.TemporaryDirectory(prefix="farebox-mutant-",
                                     dir=scratch) as folder:
        source = mutant.write(folder)
        mutated = source[:-2] + ".o"
        compiled = shell(LINK_CC + ["-D_GNU_SOURCE", f"-I{SOURCE}", "-w",
                                    "-c", "-o", mutated, source], folder)
        if compiled.returncode:
            return "the compiler"
        for number, (program, arguments) in enumerate(TESTS[mutant.path]):
            output = os.path.join(folder, f"test{number}")
            link(program, mutated, output, folder)
            if notices(output, arguments, folder, seconds):
                return program
        return None


def scratch_folder():
    memory = "/dev/shm"
    if not os.environ.get("TMPDIR") and os.access(memory, os.W_OK) and \
            shutil.disk_usage(memory).free > 2 << 30:
        return memory
    return None


def chosen(all_mutants, rng):
    if LONG:
        return all_mutants
    return sorted(rng.sample(all_mutants, SAMPLES), key=all_mutants.index)


def main():
    if "-fsanitize" in os.environ["LINK_CC"]:
        style.skip_all("without the sanitizers as much is noticed, and sooner")
    tap = style.Tap()
    # The short run is the same each time; the long one is another each time.
    chance = random.randrange(1 << 32) if os.environ.get("FAREBOX_LONG") else 1
    seed = int(os.environ.get("FAREBOX_SEED") or chance)
    print(f"# seed {seed}")
    found = [Mutant(path, *one) for path in TESTS for one in mutants(path)]
    tap.ok(len(found) > 60, f"{len(found)} comparisons were found")
    known = [one for one in found if one.known()]
    tap.clean([str(one) for one in EQUIVALENT if one not in
               [(k.path, k.line.strip(), k.nth) for k in known]],
              "what is listed as changing nothing is there")
    tries = chosen([one for one in found if not one.known()],
                   random.Random(seed))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        control = [pool.submit(try_mutant, Mutant(path), scratch_folder())
                   for path in CONTROLS]
        results = list(pool.map(
            lambda one: try_mutant(one, scratch_folder()), tries))
        tap.clean([one.result() for one in control if one.result()],
                  "nothing is noticed where nothing is inverted")
    survivors = [str(mutant) for mutant, noticed in zip(tries, results)
                 if noticed is None]
    for name in sorted(set(filter(None, results))):
        print(f"# {results.count(name)} noticed by {name}")
    tap.clean(survivors, f"{len(tries)} inverted comparisons are noticed")
    tap.done()


LINK_CC = shlex.split(os.environ["LINK_CC"])
LIBS = shlex.split(os.environ["LINK_BASE_LIBS"] + " " +
                   os.environ["LINK_DB_LIBS"]) + ["-lcmocka"]
OBJECTS = {program: objects_of(program)
           for tests in TESTS.values() for program, _ in tests}
main()
