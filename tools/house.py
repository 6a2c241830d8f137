# SPDX-License-Identifier: BSD-3-Clause
"""What the check-* programs share: where the sources are, and how C looks without comments."""

import os
import re
import subprocess
import sys

PARTS = ("include", "common", "proto", "server", "client", "adapters", "tools", "bench",
         "examples", "tests")


def files(root, suffixes, parts=PARTS):
    """Paths relative to root of the project's own files: tracked or new, never ignored ones."""
    try:
        out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                             check=True, capture_output=True, text=True).stdout
        names = set(out.splitlines())
    except (OSError, subprocess.CalledProcessError):
        names = walk(root)
    return sorted(n for n in names
                  if n.endswith(suffixes) and n.split("/")[0] in parts
                  and os.path.isfile(os.path.join(root, n)))


def walk(root):
    names = set()
    for folder, folders, plain in os.walk(root):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
        names.update(os.path.relpath(os.path.join(folder, f), root) for f in plain)
    return names


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
        return f.read()


_NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank_comments(text):
    """The same text, same offsets, with comments and the insides of literals made spaces."""
    return _NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def project_root(argv_root):
    return os.path.abspath(argv_root or os.path.join(os.path.dirname(__file__), ".."))


def finish(tool, problems, good):
    """Prints the problems, or what was found good; ends the program."""
    for p in problems:
        print(p)
    if problems:
        print(f"{tool}: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        sys.exit(1)
    print(f"{tool}: {good}")
    sys.exit(0)
