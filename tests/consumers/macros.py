#!/usr/bin/env python3
"""What each single header adds to the macros of a translation unit, beside those of the standard
headers that it includes: nothing but AKA_..., and what the system's own headers define.

    macros.py COMPILER...    exit status 1 where something else is defined or undefined
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#[ ]*include <(?!windows)([^>]+)>', re.M)
STANDARD = re.compile(r'^[a-z_]+$')  # <cstdint>, not <sys/mman.h>
# A name that nobody but a system's header has: reserved, or like MAP_PRIVATE, SYS_read, st_mtime.
SYSTEM = re.compile(r'^(?:_\w*|[A-Z][A-Z0-9_]*|(?:st|si|sa|d|SYS)_\w+)$')
NEVER = {'min', 'max', 'near', 'far', 'small', 'interface', 'ERROR', 'DELETE', 'IN', 'OUT'}


def macros(cxx, text):
    done = subprocess.run([cxx, '-std=c++17', '-dM', '-E', '-x', 'c++', '-I', str(ROOT / 'include'),
                           '-'], input=text, text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit('macros.py: %s\n%s' % (cxx, done.stderr))
    return {line.split(None, 2)[1].partition('(')[0]: line for line in done.stdout.splitlines()}


def main():
    bad = []
    for cxx in sys.argv[1:]:
        for path in sorted((ROOT / 'include/single').glob('*.hpp')):
            headers = sorted(set(INCLUDE.findall(path.read_text(encoding='utf-8'))))
            standard = ''.join('#include <%s>\n' % h for h in headers if STANDARD.match(h))
            # A unit with macros of its own, which must be there afterwards.
            before = macros(cxx, standard + '#define min(a, b) 1\n#define small char\n')
            after = macros(cxx, standard + '#include <single/%s>\n' % path.name +
                           '#define min(a, b) 1\n#define small char\n')
            added = sorted(name for name in after.keys() - before.keys()
                           if not name.startswith('AKA_'))
            bad += ['%s: %s leaks %s' % (cxx, path.name, name) for name in added
                    if name in NEVER or not SYSTEM.match(name)]
            bad += ['%s: %s changes %s' % (cxx, path.name, name)
                    for name, line in before.items() if after.get(name) != line]
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
