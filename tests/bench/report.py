"""report.py: the results as a table, as JSON and as an SVG plot."""

import html
import json

BASE = "lighttpd"  # what ratios are to: the bare proxy
BAR, GAP, LEFT, WIDTH, RIGHT = 16, 6, 330, 420, 90
COLOURS = {"farebox": "#2f6f9f", "other": "#9a9a9a"}


def name_of(row):
    """How a row is called."""
    return row["subject"] + (f" ({row['label']})" if row["label"] else "")


def find(rows, group, subject, label=""):
    """One row, or None."""
    return next((row for row in rows if row["group"] == group
                 and row["subject"] == subject
                 and (not label or row["label"].startswith(label))), None)


def measure(row):
    """What a row is compared by: events where there are some."""
    return row["events_per_s"] or row["requests_per_s"]


def ratio(row, rows):
    """A row's throughput in that of the bare proxy; None without one."""
    base = find(rows, row["group"], BASE)
    return measure(row) / measure(base) if base else None


def table(result):
    """Lines for people."""
    yield (f"{'':34}{'per s':>9}{'ratio':>7}{'spread':>8}{'p50 ms':>9}"
           f"{'p99 ms':>9}{'cpu us':>8}{'PSS MB':>8}{'MB each':>8}")
    for group in result["groups"]:
        rows = [row for row in result["rows"] if row["group"] == group["name"]]
        if not rows:
            continue
        yield f"{group['title']}:"
        for row in rows:
            yield table_line(row, result["rows"], group["streams"])
    if result["counts"]:
        yield ""
        yield from counts_table(result)
    yield ""
    for line in result["budget"]:
        yield (f"{'met ' if line['met'] else 'NOT MET'} {line['what']}: "
               f"{line['got']}, wanted {line['wanted']}")


def table_line(row, rows, is_stream):
    """One row; of paced streams the times are those of events."""
    kind = "event" if is_stream else "latency"
    spread = ((row["requests_per_s_max"] - row["requests_per_s_min"])
              / row["requests_per_s"])
    part = ratio(row, rows)
    return (f"  {name_of(row):32}{measure(row):9.0f}"
            f"{f'{part:.2f}' if part else '-':>7}{spread:>7.0%} "
            f"{row[f'{kind}_p50_us'] / 1000:9.3f}"
            f"{row[f'{kind}_p99_us'] / 1000:9.3f}{row['cpu_us']:8.0f}"
            f"{row['pss_kib'] / 1024:8.1f}{row['private_kib'] / 1024:8.2f}")


def counts_table(result):
    """What one request costs, counted, not timed."""
    names = list(result["counts"])
    kinds = list(result["counts"][names[0]])
    yield f"{'counted for one request':34}" + "".join(
        f"{kind:>14}" for kind in kinds)
    for name in names:
        yield f"  {name:32}" + "".join(
            f"{result['counts'][name][kind]:>14}" for kind in kinds)


def against(rows, group, subject, other, part):
    """The difference to another subject's latency in ms, or None."""
    here, there = find(rows, group, subject), find(rows, group, other)
    if not here or not there:
        return None
    return (here[part] - there[part]) / 1000


def in_proportion(rows, mine, other):
    """The throughput of one row in that of another, or None."""
    here, there = find(rows, *mine), find(rows, *other)
    return measure(here) / measure(there) if here and there else None


def budget(rows, start_ms):
    """Each promise of speed, what was measured, and whether it is met."""
    lines = []

    def promise(what, got, wanted, at_least, unit=""):
        if got is not None:
            lines.append({
                "what": what, "got": f"{got:.2f}{unit}",
                "wanted": f"{'at least' if at_least else 'under'} "
                          f"{wanted}{unit}",
                "met": got >= wanted if at_least else got < wanted})

    whole = ("whole", "farebox")
    many = ("whole", "farebox-many")
    promise("throughput, of the bare proxy's",
            in_proportion(rows, whole, ("whole", BASE)), 0.5, True)
    promise("the same with durability = process",
            in_proportion(rows, ("whole", "farebox-process"),
                          ("whole", BASE)), 0.75, True)
    promise("added latency at one client, p50",
            against(rows, "single", "farebox", BASE, "latency_p50_us"),
            0.35, False, " ms")
    promise("added latency at one client, p99",
            against(rows, "single", "farebox", BASE, "latency_p99_us"),
            2, False, " ms")
    promise("one hot account, of many accounts' throughput",
            in_proportion(rows, whole, many), 0.8, True)
    promise("16 workers, of 4 workers' throughput",
            in_proportion(rows, whole, ("whole", "farebox-4")), 0.9, True)
    promise("a full store, of an empty one's throughput",
            in_proportion(rows, ("whole", "farebox-full"), many), 0.9, True)
    for code in ("401", "402", "429"):
        promise(f"refusals with {code}, of successes",
                in_proportion(rows, (*whole, code), whole), 1.5, True)
    promise("start to first answer", start_ms, 100, False, " ms")
    for row in rows:
        if row["group"] == "streams-500" and row["private_kib"]:
            promise("500 streams, lag of events, p99",
                    row["event_p99_us"] / 1000, 5, False, " ms")
            promise("500 streams, private memory of each",
                    row["private_kib"] / 1024, 1.2, False, " MB")
            promise("500 streams, memory in all", row["pss_kib"] / 1024,
                    700, False, " MB")
    return lines


# The plot.

def text(x, y, words, anchor="start", weight="normal"):
    """A line of text."""
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def bar(y, row, value, scale):
    """A bar from 0 on, with the spread of the rounds on it."""
    kind = "farebox" if row["subject"].startswith("farebox") else "other"
    yield text(LEFT - 8, y + BAR - 4, name_of(row), "end")
    yield (f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" '
           f'height="{BAR}" fill="{COLOURS[kind]}"/>')
    low, high = (value * row[f"requests_per_s_{end}"] / row["requests_per_s"]
                 for end in ("min", "max"))
    yield (f'<path d="M{LEFT + low * scale:.1f} {y + BAR / 2}H'
           f'{LEFT + high * scale:.1f}" stroke="#000"/>')
    yield text(LEFT + max(value, high) * scale + 6, y + BAR - 4,
               f"{value:.2f}")


def plot(result):
    """Throughput in that of the bare proxy, as one SVG."""
    rows = [row for row in result["rows"] if ratio(row, result["rows"])]
    most = max(ratio(row, rows) * row["requests_per_s_max"]
               / row["requests_per_s"] for row in rows)
    scale, y, lines = WIDTH / most, 30, []
    machine = result["machine"]
    lines.append(text(8, 18, "Throughput, in that of bare lighttpd; "
                      f"{machine['processors']} processors, a flush takes "
                      f"{machine['flush_us']} us", weight="bold"))
    for group in result["groups"]:
        here = [row for row in rows if row["group"] == group["name"]]
        if not here or group["streams"]:
            continue
        y += BAR
        lines.append(text(8, y + BAR - 4, group["title"], weight="bold"))
        for row in here:
            y += BAR + GAP
            lines.extend(bar(y, row, ratio(row, rows), scale))
        y += BAR
    one = LEFT + scale
    lines.append(f'<path d="M{one:.1f} 30V{y + BAR}" stroke="#000" '
                 'stroke-dasharray="3 3"/>')
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{y + BAR * 2}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>', *lines,
        "</svg>", ""])


def write(result, path):
    """PATH.json and PATH.svg."""
    with open(path + ".json", "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    with open(path + ".svg", "w", encoding="utf-8") as out:
        out.write(plot(result))
