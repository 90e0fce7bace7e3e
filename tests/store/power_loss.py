"""power_loss.py: whenever the power fails, nothing acknowledged is lost."""

# The shim writes down what happens to the files of a busy store: creations,
# writes, flushes. From that the states are made in which a disk may be found
# after a power cut:
#
#  - What a completed flush covers is there. Of later writes any part may be,
#    in sectors of 512 bytes, each whole, in any order.
#  - Creations, renames and removals happen in order, as a journaling file
#    system does them; a flush of any file makes all before it durable.
#  - The gate is mapped memory: each sector of it is of any age. The region
#    files of Berkeley DB hold anything, or are missing.
#
# In a second run a flush fails: the kernel says so once, and forgets what was
# to be written. What was acknowledged must be there; and so must what is
# acknowledged after "farebox store check" has found the books right.
#
# Not tested, because nothing can be done about it: a disk that says that it
# has flushed and has not.

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
IMAGES = 300 if LONG else 40
IMAGES_BROKEN = 100 if LONG else 12
IMAGES_KEPT = 2
WORKERS = 4
SECONDS = 8 if LONG else 2
AUDIT_SECONDS_MAX = 240
SECTOR = 512
MEMORY_BYTES_MIN = 2 << 30
BUILD = os.path.join(os.environ["top_builddir"], "tests", "store")
WORKER = os.path.join(BUILD, "power_worker")
SHIM = os.path.join(BUILD, "shim.so")

RECORD = struct.Struct("=4Q")
(CREATE, RENAME, UNLINK, DATA, SIZE, SYNC_BEGIN, SYNC_END, SYNC_FAILED,
 GATE) = range(1, 10)

# struct shim_state: enabled, kind, nth and what does not matter here.
STATE = struct.Struct("=16Q")
KIND_SYNC = 2


class File:
    """What is on the disk for certain, and what may be."""

    def __init__(self):
        self.durable = bytearray()
        self.pending = []  # (position, event, offset, bytes)

    @staticmethod
    def apply(content, event, offset, data):
        if event == SIZE:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
            return
        if len(content) < offset + len(data):
            content.extend(bytes(offset + len(data) - len(content)))
        content[offset:offset + len(data)] = data

    def flush(self, position):
        """Everything before the position is on the disk."""
        for n, (at, event, offset, data) in enumerate(self.pending):
            if at >= position:
                del self.pending[:n]
                return
            self.apply(self.durable, event, offset, data)
        self.pending.clear()

    def forget(self, position):
        """Nothing of what was to be flushed will be."""
        self.pending = [one for one in self.pending if one[0] >= position]

    def image(self, chance):
        """A content that may be found, if a sector made it by chance()."""
        content = bytearray(self.durable)
        for _, event, offset, data in self.pending:
            if event == SIZE:
                if chance():
                    self.apply(content, event, offset, data)
                continue
            at = 0
            while at < len(data):
                end = min(len(data), at + SECTOR - (offset + at) % SECTOR)
                if chance():
                    self.apply(content, event, offset + at, data[at:end])
                at = end
        return content


class Disk:
    """The directory of the store, as far as the journal was replayed."""

    def __init__(self):
        self.files = {}     # by inode, which is used again after a removal
        self.durable = {}   # name: file
        self.pending = []   # (position, event, name, what)
        self.acks = bytearray()
        self.acks_inode = None
        self.gates = []
        self.broken = False

    def apply(self, names, event, name, what):
        if event == CREATE:
            names[name] = what
        elif event == RENAME:
            names[what] = names.pop(name)
        else:
            names.pop(name, None)

    def flush(self, inode, position):
        file = self.files.get(inode)
        if file:
            file.flush(position)
        while self.pending and self.pending[0][0] < position:
            self.apply(self.durable, *self.pending.pop(0)[1:])

    def step(self, position, event, inode, offset, data):
        if event == CREATE:
            self.files[inode] = File()
            if data == b"acks":
                self.acks_inode = inode
            elif data != b"ballast":
                self.pending.append((position, event, data,
                                     self.files[inode]))
        elif event == RENAME:
            self.pending.append((position, event, *data.split(b"\0")))
        elif event == UNLINK:
            if not data.startswith(b"__db.0"):
                self.pending.append((position, event, data, None))
        elif event == DATA and inode == self.acks_inode:
            self.acks += data
        elif event in (DATA, SIZE) and inode in self.files:
            self.files[inode].pending.append((position, event, offset, data))
        elif event == SYNC_END:
            self.flush(inode, offset)
        elif event == SYNC_FAILED and inode in self.files:
            self.files[inode].forget(offset)
            self.broken = True
        elif event == GATE:
            if not self.gates or self.gates[-1] != data:
                self.gates.append(data)

    def gate(self, fresh, rng):
        """Sectors of any age; now and then all of one."""
        def age():
            return rng.choice((fresh, rng.choice(self.gates[:9]),
                               rng.choice(self.gates), self.gates[-1]))
        if rng.random() < 0.3:
            return age()
        return b"".join(age()[at:at + SECTOR]
                        for at in range(0, len(fresh), SECTOR))

    def image(self, folder, fresh_gate, rng):
        """Writes a state to a folder; returns in words what was chosen."""
        share = rng.choice((0, 0, 0.1, 0.5, 0.9, 1))
        names = dict(self.durable)
        kept = len(self.pending)
        if share < 1:
            kept = rng.randint(0, kept) if share else 0
        for change in self.pending[:kept]:
            self.apply(names, *change[1:])
        for name, content in names.items():
            with open(os.path.join(folder, name.decode()), "wb") as file:
                file.write(content.image(lambda: rng.random() < share))
        path = os.path.join(folder, "gate")
        if b"gate" in names and self.gates:
            with open(path, "r+b") as file:
                file.write(self.gate(fresh_gate, rng))
        return (f"{share:.0%} of what was not flushed, "
                f"{kept} of {len(self.pending)} names")


def regions(source, folder, rng):
    """Region files are found in any state, too."""
    for name in ("__db.001", "__db.002", "__db.003"):
        state = rng.choice(("missing", "empty", "old", "torn"))
        path = os.path.join(folder, name)
        if state == "missing":
            continue
        with open(os.path.join(source, name), "rb") as file:
            content = bytearray(file.read())
        if state == "torn":
            for at in range(0, len(content), 4096):
                if rng.random() < 0.5:
                    content[at:at + 4096] = bytes(
                        len(content[at:at + 4096]))
        with open(path, "wb") as file:
            if state != "empty":
                file.write(content)


def records(path):
    """(position, event, inode, offset, bytes) of each record."""
    with open(path, "rb") as file:
        position = 0
        while head := file.read(RECORD.size):
            event, inode, offset, length = RECORD.unpack(head)
            yield position, event, inode, offset, file.read(length)
            position += RECORD.size + length


def work(top, broken_flush):
    """Fills a store under the shim; returns its folder and the journal."""
    os.mkdir(top)
    store = os.path.join(top, "store")
    journal = os.path.join(top, "journal")
    os.mkdir(store, 0o700)
    env = dict(os.environ, LD_PRELOAD=SHIM, SHIM_DIR=store,
               SHIM_JOURNAL=journal)
    subprocess.run([WORKER, "setup", store], env=env, check=True)
    ready = os.path.getsize(journal)
    if broken_flush:
        env["SHIM_STATE"] = os.path.join(top, "state")
        with open(env["SHIM_STATE"], "wb") as file:
            file.write(STATE.pack(1, KIND_SYNC, broken_flush, *[0] * 13))
    # After a failed flush there is nothing left to do but to wait.
    seconds = SECONDS // 2 if broken_flush else SECONDS
    workers = [subprocess.Popen([WORKER, "work", store, str(seconds),
                                 str(number)] +
                                (["flush"] if broken_flush else []), env=env)
               for number in range(WORKERS)]
    codes = [worker.wait() for worker in workers]
    checked = os.path.getsize(journal)
    if broken_flush:
        codes.append(subprocess.run([WORKER, "check", store, top], env=env,
                                    check=False).returncode)
        checked = os.path.getsize(journal)
        codes.append(subprocess.run([WORKER, "work", store, str(seconds), "9"],
                                    env=env, check=False).returncode)
    return store, journal, (ready, checked), codes


def audit(top, image, acks, number, broken):
    """What is wrong with an image, in lines; none when all is well."""
    path = os.path.join(top, "acks")
    boot = os.path.join(top, "boot_id")
    with open(path, "wb") as file:
        file.write(acks)
    # After a power cut it is another boot.
    with open(boot, "w", encoding="ascii") as file:
        file.write(f"boot-{number}\n")
    env = dict(os.environ, LD_PRELOAD=SHIM, SHIM_BOOT_ID=boot)
    try:
        run = subprocess.run([WORKER, "audit", image, path] +
                             (["flush"] if broken else []), env=env,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=AUDIT_SECONDS_MAX,
                             check=False)
    except subprocess.TimeoutExpired:
        return 124, ["it hangs"]
    return run.returncode, run.stdout.splitlines()


def cuts(journal, ready, images, rng):
    """Where the power fails: mostly in the busy time, now and then before; of
    the busy time half the cuts are after the check, if there is one."""
    ends = [at for at, *_ in records(journal)][1:]
    begun, checked = ready
    busy = [at for at in ends if begun <= at < checked]
    after = [at for at in ends if at >= checked]
    early = [at for at in ends if at < begun]
    n_early = images // 10
    n_after = (images - n_early) // 2 if after else 0
    return sorted(rng.choices(early, k=n_early) +
                  rng.choices(after, k=n_after) +
                  rng.choices(busy, k=images - n_early - n_after))


def scratch_folder():
    """In memory, if there is much of it: here a flush need not be slow."""
    memory = "/dev/shm"
    if not os.environ.get("TMPDIR") and os.access(memory, os.W_OK) and \
            shutil.disk_usage(memory).free > MEMORY_BYTES_MIN:
        return memory
    return None


class Test:
    def __init__(self, top, rng):
        self.top = top
        self.rng = rng
        self.faults = []
        self.refused = 0
        self.acks = 0
        self.images = 0

    def try_image(self, disk, store, cut, early):
        image = os.path.join(self.top, "image")
        os.mkdir(image, 0o700)
        fresh = bytes(disk.durable[b"gate"].durable[:4096]) \
            if b"gate" in disk.durable else bytes(4096)
        what = disk.image(image, fresh, self.rng)
        regions(store, image, self.rng)
        code, lines = audit(self.top, image, disk.acks, self.images,
                            disk.broken)
        self.images += 1
        self.acks = max(self.acks, disk.acks.count(b"\n"))
        # A store whose making was cut off may say so.
        if early and not disk.acks and code == 3:
            self.refused += 1
        elif code:
            fault = (f"cut at {cut}, {what}: exit {code}: "
                     f"{'; '.join(lines[:4])}")
            if len(self.faults) < IMAGES_KEPT:
                kept = f"{self.top}-{self.images}"
                os.rename(image, kept)
                fault += f"; see {kept}"
            self.faults.append(fault)
        shutil.rmtree(image, ignore_errors=True)

    def replay(self, store, journal, ready, images):
        disk = Disk()
        wanted = cuts(journal, ready, images, self.rng)
        for position, *record in records(journal):
            while wanted and wanted[0] <= position:
                self.try_image(disk, store, wanted[0], position <= ready[0])
                del wanted[0]
            disk.step(position, *record)

    def run(self, tap, name, images, broken_flush):
        """A run of work, and what the power does to it."""
        store, journal, ready, codes = work(os.path.join(self.top, name),
                                            broken_flush)
        tap.ok(not any(codes), f"the workers end, {name}", [str(codes)])
        self.replay(store, journal, ready, images)
        tap.clean(self.faults, f"{self.images} images are sound, {name}")
        tap.ok(self.acks > 10, f"{self.acks} things were acknowledged")
        print(f"# {self.refused} were not yet a store")
        shutil.rmtree(os.path.join(self.top, name))


def main():
    os.umask(0o077)
    if "-fsanitize" in os.environ["LINK_CC"]:
        style.skip_all("the sanitizers and the shim both stand before malloc")
    tap = style.Tap()
    # The short run is the same each time; the long one is another each time.
    chance = random.randrange(1 << 32) if os.environ.get("FAREBOX_LONG") else 1
    seed = int(os.environ.get("FAREBOX_SEED") or chance)
    print(f"# seed {seed}")
    top = tempfile.mkdtemp(prefix="farebox-power-", dir=scratch_folder())
    try:
        rng = random.Random(seed)
        Test(top, rng).run(tap, "on a good disk", IMAGES, 0)
        Test(top, rng).run(tap, "after a failed flush", IMAGES_BROKEN,
                           rng.randint(50, 300))
    finally:
        shutil.rmtree(top)
    tap.done()


main()
