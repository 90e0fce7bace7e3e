"""layers.py: a room includes only what it may, and a library has one home."""

import re

import style

# room: the rooms whose headers it may include, besides its own.
MAY_USE = {
    "base": (),
    "db": ("base",),
    "upstream": ("base",),
    "handlers": ("base", "db", "upstream"),
    "fcgi": ("base", "db", "upstream", "handlers"),
    "admin": ("base", "db"),
}

# header of a library: the files or rooms that may include it.
HOMES = {
    r"jansson\.h": ("base/json.h", "base/json"),
    r"openssl/.*": ("base/digest",),
    r"ini\.h": ("base/conf",),
    r"curl/.*": ("upstream/",),
    r"db\.h|db5/.*": ("db/",),
    r"fcgi.*\.h": ("fcgi/conn", "fcgi/main.c"),
}


def included(path):
    """(line number, quoted or system, name) of each include line."""
    for number, line in style.lines(path):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


def room_faults(room):
    faults = []
    for path in style.files(room, ends=(".c", ".h", ".def")):
        for number, kind, name in included(path):
            where = f"{path}:{number}: "
            if kind == "<":
                faults += [where + f"{name} belongs to {homes[0]}"
                           for header, homes in HOMES.items()
                           if re.fullmatch(header, name)
                           and not path.startswith(homes)]
                continue
            target = name.split("/")[0] if "/" in name else None
            if name == "config.h":
                continue
            if target not in style.ROOMS:
                faults.append(where + f'"{name}" is not "room/file.h"')
            elif target != room and target not in MAY_USE[room]:
                faults.append(where + f"{room} may not use {target}")
            elif target != room and "_private." in name:
                faults.append(where + f"{name} never leaves {target}")
    return faults


def own_header_faults():
    """The first include of room/name.c is room/name.h, when there is one."""
    headers = set(style.files(*style.ROOMS, ends=(".h",)))
    faults = []
    for path in style.files(*style.ROOMS, ends=(".c",)):
        own = path[:-2] + ".h"
        first = next(included(path), None)
        if own in headers and (first is None or first[2] != own):
            faults.append(f'{path}: "{own}" is not included first')
    return faults


def main():
    tap = style.Tap()
    for room in style.ROOMS:
        tap.clean(room_faults(room), f"{room} includes only what it may")
    tap.clean(own_header_faults(), "a file includes its own header first")
    tap.done()


main()
