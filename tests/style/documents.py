"""documents.py: the documents name what the programs have, and no more."""

import json
import os
import re
import subprocess

import style

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def ask(*arguments):
    run = subprocess.run([os.path.join(style.BUILD, arguments[0]),
                          *arguments[1:]],
                         stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def rows(noun):
    return [json.loads(line)
            for line in ask("farebox", noun, "--json").splitlines()]


def page(name):
    with open(os.path.join(style.BUILD, "man", name),
              encoding="utf-8") as file:
        return file.read()


def commands():
    """("noun verb", ...) that `farebox --help` lists, "noun" for a lone one."""
    found = set()
    for line in ask("farebox", "--help").splitlines():
        match = re.match(r"  ([a-z]+)(?: ([a-z]+))?\b", line)
        if match:
            found.add(" ".join(filter(None, match.groups())))
    return found


def flags(text):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", text))


def lacking(wanted, text, where):
    return [f"{where} does not name {word}" for word in sorted(wanted)
            if not re.search(r"(?<![\w/-])" + re.escape(word)
                             + r"(?![\w{-])", text)]


def wrong_commands(path, known):
    """Subcommands that a document tells people to type but are not there."""
    nouns = {command.split()[0] for command in known}
    faults = []
    for number, line in style.lines(path):
        # The name begins a command: a code span, a line, or after `$ `.
        for noun, verb in re.findall(
                r"(?:`|^\s*|\$ |\$\(|sudo |/)farebox ([a-z]+)(?: ([a-z]+))?",
                line):
            if noun in nouns and (noun in known
                                  or f"{noun} {verb}" in known):
                continue
            if re.match(r"\s*farebox ", line) and noun not in nouns:
                continue  # a sentence that goes on here
            if noun in nouns and not verb:
                continue
            faults.append(f"{path}:{number}: farebox {noun} {verb}")
    return faults


def main():
    tap = style.Tap()
    known = commands()
    man8 = page("farebox.8")
    tap.ok(len(known) > 10, "farebox --help was read")
    tap.clean(lacking({"Cm " + command for command in known}, man8,
                      "farebox.8"),
              "every subcommand is in farebox.8")
    every = set()
    for command in known:
        every |= flags(ask("farebox", "help", *command.split()))
    tap.clean(lacking({"Fl -" + flag for flag in every}, man8, "farebox.8"),
              "every option of farebox is in farebox.8")
    tap.clean(lacking({"Fl -" + flag for flag
                       in flags(ask("farebox.fcgi", "--help"))},
                      page("farebox.fcgi.8"), "farebox.fcgi.8"),
              "every option of farebox.fcgi is in farebox.fcgi.8")
    tap.clean(lacking({row["name"] for row in rows("options")},
                      page("farebox.conf.5"), "farebox.conf.5"),
              "every setting is in farebox.conf.5")
    tap.clean(lacking({row["code"] for row in rows("errors")},
                      page("farebox-errors.7"), "farebox-errors.7"),
              "every error is in farebox-errors.7")
    paths = {row["path"] for row in rows("routes")}
    tap.clean(lacking(paths, page("farebox.fcgi.8"), "farebox.fcgi.8"),
              "every endpoint is in farebox.fcgi.8")
    texts = {path: style.text(path) for path in DOCUMENTS
             if os.path.exists(os.path.join(style.ROOT, path))}
    tap.clean([f"there is no {path}" for path in DOCUMENTS
               if path not in texts], "the documents are there")
    tap.clean(lacking(paths, texts.get("README.md", ""), "README.md"),
              "every endpoint is in README.md")
    tap.clean([fault for path in texts
               for fault in wrong_commands(path, known)],
              "the documents tell nobody to type what is not there")
    tap.done()


main()
