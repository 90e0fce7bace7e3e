"""report.py: the results as a table, as JSON and as an SVG plot."""

import html
import json

BASE = "lighttpd"  # what ratios are to: the bare proxy
PARTS = ("p50", "p90", "p99")
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


def compare(result):
    """Adds to each row what it is beside the bare proxy, if that is there.

    Of paced streams the times are those of events.
    """
    rows = result["rows"]
    streams = {group["name"]: group["streams"] for group in result["groups"]}
    for row in rows:
        base = find(rows, row["group"], BASE)
        kind = "event" if streams[row["group"]] else "latency"
        row["ratio"] = measure(row) / measure(base) if base else None
        for part in PARTS:
            mine = row[f"{kind}_{part}_us"]
            row[f"{part}_us"] = mine
            row[f"added_{part}_us"] = (mine - base[f"{kind}_{part}_us"]
                                       if base else None)


def table(result):
    """Lines for people."""
    yield (f"{'':40}{'req/s':>8}{'events/s':>9}{'ratio':>6}{'spread':>7}"
           f"{'p50 ms':>8}{'p99 ms':>8}{'+p50':>8}{'+p90':>8}{'+p99':>8}"
           f"{'cpu us':>7}{'flushes':>8}{'PSS MB':>7}{'MB each':>8}")
    for group in result["groups"]:
        rows = [row for row in result["rows"] if row["group"] == group["name"]]
        if not rows:
            continue
        yield f"{group['title']}:"
        for row in rows:
            yield table_line(row)
    if result["counts"]:
        yield ""
        yield from counts_table(result)
    yield ""
    for line in result["budget"]:
        yield (f"{'met ' if line['met'] else 'NOT MET'} {line['what']}: "
               f"{line['got']}, wanted {line['wanted']}")


def known(value, width, digits, unit=1):
    """A number in so many columns, or a dash where there is none."""
    return (f"{'-':>{width}}" if value is None
            else f"{value / unit:{width}.{digits}f}")


def table_line(row):
    """One row."""
    spread = ((row["requests_per_s_max"] - row["requests_per_s_min"])
              / row["requests_per_s"])
    times = [row["p50_us"], row["p99_us"]] + [
        row[f"added_{part}_us"] for part in PARTS]
    return (f"  {name_of(row):38}{row['requests_per_s']:8.0f}"
            f"{known(row['events_per_s'] or None, 9, 0)}"
            f"{known(row['ratio'], 6, 2)}{spread:7.0%}"
            + "".join(known(time, 8, 3, 1000) for time in times)
            + f"{row['cpu_us']:7.0f}{known(row.get('flushes'), 8, 2)}"
            f"{row['pss_kib'] / 1024:7.1f}{row['private_kib'] / 1024:8.2f}")


def counts_table(result):
    """What one request costs, counted, not timed."""
    names = list(result["counts"])
    kinds = list(result["counts"][names[0]])
    yield f"{'counted for one request':40}" + "".join(
        f"{kind:>14}" for kind in kinds)
    for name in names:
        yield f"  {name:38}" + "".join(
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
    rows = [row for row in result["rows"] if row["ratio"]]
    most = max(row["ratio"] * row["requests_per_s_max"]
               / row["requests_per_s"] for row in rows)
    scale, y, lines = WIDTH / most, 30, []
    machine = result["machine"]
    lines.append(text(8, 18, "Throughput, in that of bare lighttpd; "
                      f"{machine['processors']} processors, a flush takes "
                      f"{machine['flush_us']} us", weight="bold"))
    for group in result["groups"]:
        here = [row for row in rows if row["group"] == group["name"]]
        if not here:
            continue
        y += BAR
        lines.append(text(8, y + BAR - 4, group["title"], weight="bold"))
        for row in here:
            y += BAR + GAP
            lines.extend(bar(y, row, row["ratio"], scale))
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
