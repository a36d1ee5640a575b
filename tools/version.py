#!/usr/bin/env python3
"""Prints the version that include/aka/version.hpp has: the only place for it."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version():
    text = (ROOT / 'include/aka/version.hpp').read_text(encoding='utf-8')
    parts = [re.search(r'^#\s*define\s+AKA_VERSION_%s\s+(\d+)' % part, text, re.M)
             for part in ('MAJOR', 'MINOR', 'PATCH')]
    if not all(parts):
        raise SystemExit('version.py: include/aka/version.hpp lacks AKA_VERSION_MAJOR, _MINOR or _PATCH')
    return '.'.join(part.group(1) for part in parts)


if __name__ == '__main__':
    print(version())
