#!/usr/bin/env python3
"""Writes the reference of the public headers with Doxygen, and fails where it warns.

Every class, type, function, field and constant that is public has a `///` or a `///<`, and every
comment is one that Doxygen understands. What containers have in common shares one comment (`///@{`).

    tools/reference.py [DOXYGEN]     writes build/reference/html
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    doxygen = sys.argv[1] if len(sys.argv) > 1 else "doxygen"
    if shutil.which(doxygen) is None:
        print(f"reference: skipped, there is no {doxygen} here")
        sys.exit(77)  # CTest's and Meson's word for skipped
    (ROOT / "build/reference").mkdir(parents=True, exist_ok=True)
    run = subprocess.run([doxygen, "docs/Doxyfile"], cwd=ROOT, check=False)
    log = (ROOT / "build/reference/warnings.txt").read_text().splitlines()
    wrong = [line for line in log if line]
    for line in wrong:
        print(line.replace(f"{ROOT}/", ""))
    if run.returncode != 0 or wrong:
        sys.exit(f"reference: {len(wrong)} places")
    print("reference: fine")


if __name__ == "__main__":
    main()
