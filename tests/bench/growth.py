"""growth.py: whether something grows, in spite of the noise in it.

What is looked at again and again is cut into quarters.  The first is that in
which caches fill.  It grows when the median of the last quarter is above that
of the second by more than a slack, which is what this thing goes up and down by
anyway.  Medians, so that moments do not count.

What starts anew now and then, such as a worker that retires, is judged by its
age: each life is cut into quarters of its own, and it grows when one life in
four does.
"""

import statistics

LIFE_MIN = 8       # looks at a life, or it says nothing
LIVES_PART = 0.25  # of the lives that are long enough


def quarters(values):
    """The medians of the second and the last quarter; at least 4 values."""
    size = len(values) // 4
    return (statistics.median(values[size:2 * size]),
            statistics.median(values[-size:]))


def silence(name, unit):
    """The line of what was looked at too rarely."""
    return {"what": name, "unit": unit, "early": None, "late": None,
            "allowed": None, "grows": False}


def verdict(name, unit, early, late, slack):
    """A line of the table."""
    return {"what": name, "unit": unit, "early": early, "late": late,
            "allowed": early + slack, "grows": late > early + slack}


def judge(name, unit, values, slack):
    """A series of looks at one thing that lives as long as they go on."""
    if len(values) < 4:
        return silence(name, unit)
    return verdict(name, unit, *quarters(values), slack)


def judge_lives(name, unit, lives, slack):
    """A list of series, one for each life of things of a kind."""
    pairs = [quarters(life) for life in lives if len(life) >= LIFE_MIN]
    if not pairs:
        return silence(name, unit)
    grown = sum(late > early + slack for early, late in pairs)
    line = verdict(name, unit, *map(statistics.median, zip(*pairs)), slack)
    line["grows"] = grown > 0 and grown >= len(pairs) * LIVES_PART
    return line


def judge_rate(name, unit, values, per, slack):
    """Two series that grow together: how much of one for one of the other."""
    size = len(values) // 4
    if size < 2:
        return silence(name, unit)

    def rate(first, last):
        steps = per[last] - per[first]
        return (values[last] - values[first]) / steps if steps else 0.0

    return verdict(name, unit, rate(size, 2 * size),
                   rate(len(values) - 1 - size, len(values) - 1), slack)
