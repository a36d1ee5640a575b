#!/usr/bin/env python3
"""What including aka costs and leaves behind: lines, forbidden headers, macros.

    tools/include_budget.py [--cxx COMPILER] [--beside HEADER]

Exit status 1 where a header is over its budget, pulls in a forbidden header, or defines a macro
that does not start with AKA_.

--beside nlohmann/json.hpp compiles single headers and that one in turns, and prints and judges
the processor time that each takes of that one's.
"""
import argparse
import os
import re
import resource
import statistics
import subprocess
import sys

from version import ROOT

# Preprocessed lines, g++ -std=c++17 -E -P.
BUDGET = [
    ('aka/safetensors.hpp', 16000),
    ('aka/gguf.hpp', 16000),
    ('aka/aka.hpp', 24000),
    ('aka/tools.hpp', 35000),
    ('single/aka_safetensors.hpp', 16000),
    ('single/aka_gguf.hpp', 16000),
    ('aka/names.hpp', 14000),
    ('single/aka_names.hpp', 14000),
    ('single/aka.hpp', 24000),
    ('aka/llama.hpp', 24000),
    ('single/aka_llama.hpp', 24000),
    ('single/aka_tools.hpp', 35000),
    ('single/aka_interop.hpp', 16000),
]

# Of the time that nlohmann/json.hpp takes to compile.
TIMES = [('single/aka_safetensors.hpp', 0.2), ('single/aka.hpp', 0.5)]

FORBIDDEN = {'string', 'vector', 'memory', 'functional', 'algorithm', 'thread', 'filesystem',
             'iostream', 'regex', 'windows.h', 'Windows.h'}

# What that header is for; loading.hpp alone includes it, and has no budget.
ALLOWED = {('load_threads.hpp', 'thread')}

LINE_MARKER = re.compile(r'^# \d+ "([^"]*)"')
DEFINE = re.compile(r'^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)')
SYSTEM_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*<([^>]+)>', re.M)


def preprocess(cxx, header, *options):
    command = [cxx, '-std=c++17', '-E', '-x', 'c++', '-I', str(ROOT / 'include'), *options, '-']
    done = subprocess.run(command, input='#include <%s>\n' % header, text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit('include_budget.py: %s does not preprocess:\n%s' % (header, done.stderr))
    return done.stdout


def lines_of(cxx, header):
    return preprocess(cxx, header, '-P').count('\n')


def what_it_leaves(cxx, header):
    """The macros that files of ours define, and the forbidden headers that were entered."""
    ours = str(ROOT / 'include')
    macros, entered, where = set(), set(), ''
    for line in preprocess(cxx, header, '-dD').splitlines():
        marker = LINE_MARKER.match(line)
        if marker:
            where = marker.group(1)
            found = re.search(r'/c\+\+/(?:v1|\d+)/(\w+)$', where)
            if found and found.group(1) in FORBIDDEN:
                entered.add(found.group(1))
        elif where.startswith(ours):
            macro = DEFINE.match(line)
            if macro and not macro.group(1).startswith('AKA_'):
                macros.add(macro.group(1))
    return macros, entered


def seconds(cxx, header):
    """Processor time of one compilation, not optimised."""
    def used():
        u = resource.getrusage(resource.RUSAGE_CHILDREN)
        return u.ru_utime + u.ru_stime
    before = used()
    subprocess.run([cxx, '-std=c++17', '-O0', '-c', '-x', 'c++', '-I', str(ROOT / 'include'),
                    '-o', os.devnull, '-'], input='#include <%s>\n' % header, text=True, check=True)
    return used() - before


def compare_times(cxx, other):
    headers = [other] + [header for header, _ in TIMES]
    rounds = [[seconds(cxx, header) for header in headers] for _ in range(9)]
    base, *times = (statistics.median(column) for column in zip(*rounds))
    print('%-30s %8s %8s' % ('compiled beside ' + other, 'times', 'at most'))
    bad = []
    for (header, most), time in zip(TIMES, times):
        print('%-30s %8.3f %8.3f%s' % (header, time / base, most, '' if time <= most * base else '  OVER'))
        if time > most * base:
            bad.append('%s takes %.3f of the time of %s, at most %.3f' % (header, time / base, other, most))
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cxx', default=os.environ.get('CXX', 'g++'))
    parser.add_argument('--beside', metavar='HEADER')
    options = parser.parse_args()
    cxx = options.cxx
    bad = []

    print('%-30s %8s %8s' % ('preprocessed lines', 'found', 'at most'))
    for header, most in BUDGET:
        if not (ROOT / 'include' / header).is_file():
            bad.append('%s is not there' % header)
            continue
        lines = lines_of(cxx, header)
        print('%-30s %8d %8d%s' % (header, lines, most, '' if lines <= most else '  OVER'))
        if lines > most:
            bad.append('%s: %d preprocessed lines, the budget is %d' % (header, lines, most))
        macros, entered = what_it_leaves(cxx, header)
        bad += ['%s leaks the macro %s' % (header, name) for name in sorted(macros)]
        bad += ['%s pulls in <%s>' % (header, name) for name in sorted(entered)]

    # The branches that this compiler does not see.
    for path in sorted((ROOT / 'include/aka').glob('*.hpp')):
        text = path.read_text(encoding='utf-8')
        bad += ['aka/%s includes <%s>' % (path.name, name)
                for name in SYSTEM_INCLUDE.findall(text)
                if name in FORBIDDEN and (path.name, name) not in ALLOWED]
        for line in text.splitlines():
            macro = DEFINE.match(line)
            if macro and not macro.group(1).startswith('AKA_'):
                bad.append('aka/%s defines or undefines %s' % (path.name, macro.group(1)))

    if options.beside:
        bad += compare_times(cxx, options.beside)

    for line in bad:
        print('include_budget.py: ' + line)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
