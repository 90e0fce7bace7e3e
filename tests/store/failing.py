"""failing.py: each call that can fail fails in turn; the books stay right."""

# For each kind of call and each n, a life in a store (fail_worker.c) runs
# while its n-th call of that kind fails, once or from then on. It may end in
# errors, never in a crash, and what it leaves is audited. The same with a disk
# that has room for n more blocks. And because what is lost in a recovery is
# lost for ever, all of its first calls fail in turn also in the short run.

import concurrent.futures
import glob
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "style"))
import style  # noqa: E402

LONG = bool(os.environ.get("FAREBOX_LONG"))
SAMPLES = 8             # of each kind, once and for ever, in the short run
RUN_SECONDS_MAX = 240
FAULTS_SHOWN = 10
EXIT_LIBRARY = 77
MEMORY_BYTES_MIN = 2 << 30
BUILD = os.path.join(os.environ["top_builddir"], "tests", "store")
WORKER = os.path.join(BUILD, "fail_worker")
SHIM = os.path.join(BUILD, "shim.so")

KINDS = ("memory", "write", "sync", "open", "truncate", "read", "map",
         "name", "fork", "space")
SPACE = KINDS.index("space")
SPACES = 400            # tried in the long run
PLENTY = 1 << 40        # of blocks
# What fails in a recovery, and how many calls it takes at most until that has
# found the end of the log: they are all tried.
IN_RECOVERY = {"memory": 250, "read": 80, "open": 10}
# Kinds whose failure is taken for that of a flush: the disk answers EIO.
FLUSHES = ("sync", "write", "read")
# struct shim_state: seven numbers, then how often each kind was called.
STATE = struct.Struct(f"={7 + SPACE}Q")


def scratch_folder():
    """In memory, if there is much of it: here a flush need not be slow."""
    memory = "/dev/shm"
    if not os.environ.get("TMPDIR") and os.access(memory, os.W_OK) and \
            shutil.disk_usage(memory).free > MEMORY_BYTES_MIN:
        return memory
    return None


def bounded(argv, env=None):
    """Exit code and output; what hangs is ended, with what it started."""
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return "it hangs", ""


def make_begun(top):
    """A store and its board, whose entries are in the log alone."""
    store, board = os.path.join(top, "store"), os.path.join(top, "board")
    state = os.path.join(top, "state")
    os.mkdir(store, 0o700)
    with open(state, "wb") as file:
        file.write(STATE.pack(*[0] * (7 + SPACE)))
    code, output = bounded([WORKER, "begin", store, board], dict(
        os.environ, LD_PRELOAD=SHIM, SHIM_STATE=state, SHIM_DIR=store))
    if code:
        raise RuntimeError(f"no store to recover: exit {code}: {output}")
    # What recovery removes, and a copy would make large.
    for region in glob.glob(os.path.join(store, "__db.*")):
        os.unlink(region)
    return top


def try_one(kind, nth, for_ever, begun=None):
    """(calls of that kind, how many failed, did libdb crash, faults)"""
    top = tempfile.mkdtemp(prefix="farebox-failing-", dir=scratch_folder())
    store = os.path.join(top, "store")
    state = os.path.join(top, "state")
    board = os.path.join(top, "board")
    env = dict(os.environ, LD_PRELOAD=SHIM, SHIM_STATE=state, SHIM_DIR=store)
    if begun:
        shutil.copytree(begun, top, dirs_exist_ok=True)
    else:
        os.mkdir(store, 0o700)
    limit = (nth - 1 if nth else PLENTY) if kind == SPACE else 0
    with open(state, "wb") as file:
        file.write(STATE.pack(0, kind, nth, for_ever, 0, kind == SPACE, limit,
                              *[0] * SPACE))
    code, output = bounded([WORKER, "recover" if begun else "run", store,
                            board], env)
    with open(state, "rb") as file:
        numbers = STATE.unpack(file.read(STATE.size))
    fired = numbers[4]
    calls = limit - numbers[6] if kind == SPACE else numbers[7 + kind]
    where = f"{KINDS[kind]} {nth}{' and after' if for_ever else ''}"
    died = code == EXIT_LIBRARY
    faults = []
    if code and not died:
        faults.append(f"{where}: exit {code}: {output.strip()[-200:]}")
    code, output = bounded([WORKER, "audit", store, board] +
                           (["flush"] if KINDS[kind] in FLUSHES else []) +
                           (["undo"] if KINDS[kind] == "name" else []) +
                           (["died", "undo"] if died else []))
    if code:
        words = "; ".join(output.split("\n"))[:300]
        faults.append(f"{where}: audit {code}: {words}")
    shutil.rmtree(top)
    return calls, fired, died, faults


def sample(kind, last, rng, first):
    """All in the long run; else some of each stretch, and the first ones."""
    if first and not LONG:
        return [*range(1, min(first, last) + 1),
                *(first + n for n in sample(kind, last - first, rng, 0))]
    n = SAMPLES
    if LONG:
        n = SPACES if kind == SPACE else last
    if last <= n:
        return list(range(1, last + 2))
    step = last / n
    if kind == SPACE:
        # The less room there is, the more different is one block from another.
        return sorted({int(last ** ((i + rng.random()) / n))
                       for i in range(n)})
    return sorted({1, last} | {
        1 + int(step * i + rng.random() * step) for i in range(n)})


class Kind:
    """One kind of call, once or for ever."""

    def __init__(self, kind, for_ever, pool, rng, begun=None):
        self.kind = kind
        self.for_ever = for_ever
        self.begun = begun
        last = try_one(kind, 0, 0, begun)[0]
        first = IN_RECOVERY[KINDS[kind]] if begun else 0
        self.tries = [pool.submit(try_one, kind, nth, for_ever, begun)
                      for nth in sample(kind, last, rng, first)]

    def report(self, tap):
        fired = crashes = 0
        faults = []
        for one in self.tries:
            _, n, died, found = one.result()
            fired += n > 0
            crashes += died
            faults += found
        how = "from then on" if self.for_ever else "once"
        name = f"{KINDS[self.kind]} fails {how}"
        if self.kind == SPACE:
            name = "the disk is full"
        if self.begun:
            name = f"in a recovery {name}"
        if fired == 0:
            tap.skip(name, "it is never called")
            return
        if len(faults) > FAULTS_SHOWN:
            faults = faults[:FAULTS_SHOWN] + [f"... {len(faults)} in all"]
        tap.clean(faults, f"{name}: {fired} of {len(self.tries)} tries")
        if crashes:
            print(f"# {crashes} ended in a crash of Berkeley DB's own")


def main():
    if "-fsanitize" in os.environ["LINK_CC"]:
        style.skip_all("the sanitizers and the shim both stand before malloc")
    tap = style.Tap()
    # The short run is the same each time; the long one is another each time.
    chance = random.randrange(1 << 32) if os.environ.get("FAREBOX_LONG") else 1
    seed = int(os.environ.get("FAREBOX_SEED") or chance)
    print(f"# seed {seed}")
    rng = random.Random(seed)
    os.umask(0o077)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        kinds = [Kind(kind, for_ever, pool, rng)
                 for kind in range(SPACE) for for_ever in (0, 1)]
        kinds.append(Kind(SPACE, True, pool, rng))
        with tempfile.TemporaryDirectory(prefix="farebox-failing-",
                                         dir=scratch_folder()) as top:
            begun = make_begun(top)
            kinds += [Kind(KINDS.index(name), 0, pool, rng, begun)
                      for name in IN_RECOVERY]
            for kind in kinds:
                kind.report(tap)
    tap.done()


main()
