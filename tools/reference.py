#!/usr/bin/env python3
"""Writes the reference of the public headers with Doxygen, and fails where they leave it wanting.

Every class, type and function that is public has a `///`, and every comment is one that Doxygen
understands. What needs no sentence: fields and enumerators, which their struct's comment explains
as a whole, and members that mean what they mean in every container.

    tools/reference.py [DOXYGEN]     writes build/reference/html
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OBVIOUS = {
    "begin", "end", "size", "empty", "data", "front", "back", "first", "size_bytes", "clear",
    "swap", "what", "value", "value_type", "element_type", "iterator", "open", "operator[]",
    "operator=", "operator==", "operator!=", "operator*", "operator->", "operator bool",
}
MEMBER = re.compile(r"Member (?P<what>.*) \((?P<kind>\w+)\) of \w+ (?P<owner>.*) is not documented")


def needs_no_sentence(warning):
    found = MEMBER.search(warning)
    if not found:
        return False
    if found["kind"] in ("variable", "enumvalue"):
        return True
    name = re.sub(r"<.*>", "", found["what"].split("(")[0]).strip()
    owner = re.sub(r"<.*>", "", found["owner"]).strip().split("::")[-1]
    constructor = name == owner
    return constructor or name in OBVIOUS or name.startswith("operator")


def main():
    doxygen = sys.argv[1] if len(sys.argv) > 1 else "doxygen"
    if shutil.which(doxygen) is None:
        print(f"reference: skipped, there is no {doxygen} here")
        sys.exit(77)  # CTest's and Meson's word for skipped
    (ROOT / "build/reference").mkdir(parents=True, exist_ok=True)
    run = subprocess.run([doxygen, "docs/Doxyfile"], cwd=ROOT, check=False)
    log = (ROOT / "build/reference/warnings.txt").read_text().splitlines()
    wrong = [line for line in log if line and not needs_no_sentence(line)]
    for line in wrong:
        print(line.replace(f"{ROOT}/", ""))
    if run.returncode != 0 or wrong:
        sys.exit(f"reference: {len(wrong)} places")
    print("reference: fine")


if __name__ == "__main__":
    main()
