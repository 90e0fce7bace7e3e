"""machine.py: what this machine is, and what processes use of it."""

import os
import platform
import statistics
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
FLUSHES = 50


def children(pid):
    """The pids of a process's children; none when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as text:
            return [int(word) for word in text.read().split()]
    except OSError:
        return []


def family(pids):
    """These processes and all that descend from them."""
    found = []
    for pid in pids:
        found += [pid, *family(children(pid))]
    return found


def cpu_seconds(pids):
    """What these processes have used, with their children that ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8",
                      errors="replace") as text:
                fields = text.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def memory_sums(pid):
    """What smaps_rollup says of a process in KiB; zeros when it is gone."""
    sums = {"Pss": 0, "Private_Clean": 0, "Private_Dirty": 0, "Anonymous": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
            for line in text:
                name, _, rest = line.partition(":")
                if name in sums:
                    sums[name] += int(rest.split()[0])
    except OSError:
        pass
    return sums


def look_at(pid):
    """What could grow in a process; None when it is gone.

    `own` is memory that no file stands behind: of a mapped file, also of the
    store's, a page counts as private when nobody else has touched it yet.
    """
    sums = memory_sums(pid)
    try:
        files = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/stat", encoding="utf-8",
                  errors="replace") as text:
            born = int(text.read().rpartition(")")[2].split()[19])
    except OSError:
        return None
    return {"born": born, "own_kib": sums["Anonymous"], "files": files,
            "private_kib": sums["Private_Clean"] + sums["Private_Dirty"],
            "pss_kib": sums["Pss"]} if sums["Pss"] else None


def flush_us(folder):
    """How long the disk below a folder takes to keep 512 bytes."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FLUSHES):
            os.write(file.fileno(), b"x" * 512)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - began) * 1e6)
    return round(statistics.median(times))


def file_system(folder):
    """The type of the file system of a folder."""
    done = subprocess.run(["stat", "-f", "-c", "%T", folder],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def processor():
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as text:
            for line in text:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def describe(folder):
    """What a reader must know to compare results."""
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "file_system": file_system(folder),
        "flush_us": flush_us(folder),
        "load_before": os.getloadavg()[0],
    }
