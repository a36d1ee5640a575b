#!/usr/bin/env python3
"""Do the tests notice small mistakes in the readers? Changes a comparison, a sum, a product or a
constant in a copy of a header, one at a time, and runs the tests of that header: they must not
compile, fail, crash or take too long. Prints killed/total and the survivors.

    tests/mutate.py [HEADER ...] [--sample N] [--seed S] [--jobs N] [--cxx CXX] [--goal PERCENT]

All mutants of a header are compiled as one program, which AKA_MUTANT tells what to be (see
support/mutants.hpp); code of other platforms is not. A run without a mutant tells which places each test file reaches, so that a
mutant is only run on those. What no test file reaches may be in a constant expression: such a
mutant is compiled on its own, with the first of the header's test files. mutants_equivalent.txt lists those that change nothing that can be
seen; they do not count. Fails where a header's score is below the goal."""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / 'build/mutants'

# Every file of a test binary begins with this.
COUNTED = ['-include', str(ROOT / 'tests/support/alloc.hpp')]

# Which test files must notice, from tests/*.cpp.
TESTS = {
    'bytes': ['bytes'],
    'shape': ['shape'],
    'box': ['box'],
    'layout': ['layout', 'random_layouts'],
    'json': ['json'],
    'safetensors': ['safetensors_edges', 'safetensors_cases', 'safetensors'],
    'gguf': ['gguf_edges', 'gguf_cases', 'gguf'],
}

# What is changed: the text, and what it becomes (1, 2 of support/mutants.hpp). clang-format puts
# blanks around operators and none around the brackets of templates and the stars of pointers.
OPERATORS = {
    '<': ('<=', '>='), '<=': ('<', '>'), '>': ('>=', '<='), '>=': ('>', '<'),
    '==': ('!=',), '!=': ('==',),
    '+': ('-',), '-': ('+',), '*': ('+',), '/': ('*',), '%': ('/',),
}
OPERATOR = re.compile(r'(?<= )(%s)(?=[ \n])' % '|'.join(
    re.escape(op) for op in sorted(OPERATORS, key=len, reverse=True)))
ADDED_TO = re.compile(r'(?<= )([+-]=)(?= [^;?\n]*;)')
NUMBER = re.compile(r'(?<![\w.])(0x[0-9a-f]+|\d+)u?(?![\w.])')
# Lines that have no such places, or none that can be changed: the last is of vectors.
PASSED = re.compile(r'\s*#|.*\b(static_assert|operator|__attribute__|template|auto hit)\b')
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])'")


class Place:
    """One place of a header: what stands there, and all that it may become."""

    def __init__(self, text, lines, at, old, forms):
        self.at, self.old = at, old
        self.forms = forms
        self.line = text.count('\n', 0, at) + 1
        self.source, self.next = lines[self.line - 1].strip(), lines[self.line].strip()
        start = text.rfind('\n', 0, at) + 1
        self.column = at - start + 1

    def instrumented(self, n):
        if self.old in OPERATORS:
            return '%s ::mutants::here<%d>{} %s' % (self.old, n, self.old)
        if self.old in ('+=', '-='):
            return '%s ::mutants::number<%d>(0) +' % (self.old, n)
        return '::mutants::number<%d>(%s)' % (n, self.old)


def places(text):
    lines = text.split('\n')
    plain = COMMENT_OR_TEXT.sub(lambda m: ' ' * len(m.group()), text)
    found = []
    for m in OPERATOR.finditer(plain):
        found.append((m.start(), m.group(), OPERATORS[m.group()]))
    for m in ADDED_TO.finditer(plain):
        found.append((m.start(), m.group(), [m.group() + ' 1 +']))
    for m in NUMBER.finditer(plain):
        value = int(m.group().rstrip('u'), 0)
        unsigned = 'u' if m.group().endswith('u') else ''
        forms = ['%d%s' % (value + 1, unsigned)]
        if value != 0:
            forms.append('%d%s' % (value - 1, unsigned))
        found.append((m.start(), m.group(), forms))
    out = [Place(text, lines, at, old, forms) for at, old, forms in sorted(found)]
    return [p for p in out if not PASSED.match(lines[p.line - 1])]


def rewritten(text, changes):
    """The text with `(place, new)` put in."""
    parts, end = [], 0
    for place, new in sorted(changes, key=lambda c: c[0].at):
        parts += [text[end:place.at], new]
        end = place.at + len(place.old)
    return ''.join(parts) + text[end:]


def equivalents():
    """{(header, source line, old, new)} of mutants_equivalent.txt: `HEADER: OLD -> NEW: LINE` below
    the reason, which begins with a #. ` ~ NEXT LINE` follows where a line occurs more than once."""
    known = set()
    for line in (ROOT / 'tests/mutants_equivalent.txt').read_text().split('\n'):
        if line and not line.startswith('#'):
            header, change, source = line.split(': ', 2)
            known.add((header, source, *change.split(' -> ')))
    return known


class Header:
    def __init__(self, name, options):
        self.name, self.options = name, options
        self.folder = OUT / name
        self.text = (ROOT / 'include/aka' / (name + '.hpp')).read_text()
        self.places = places(self.text)
        self.tests = TESTS[name]

    def compile(self, sources, into, folder, *flags):
        command = ['nice', '-n', '5', self.options.cxx, '-std=c++17', '-w', '-Wno-narrowing',
                   '-I', str(folder / 'include'), '-I', str(ROOT / 'tests'), '-I', str(ROOT),
                   '-DAKA_SOURCE_DIR="%s"' % ROOT, '-DAKA_BINARY_DIR="%s"' % (ROOT / 'build/test'),
                   '-DAKA_TEST_CXX="%s"' % self.options.cxx,
                   '-DAKA_TEST_SAMPLES="%s"' % (ROOT / 'tests/data'),
                   '-DAKA_TEST_DATA_DEFAULT="%s"' % (ROOT.parent / 'shared/data'),
                   *flags, *map(str, sources), '-o', str(into)]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def tree(self, folder, text):
        """The headers, this one with another text."""
        if not (folder / 'include/aka').exists():
            shutil.copytree(ROOT / 'include/aka', folder / 'include/aka')
        (folder / 'include/aka' / (self.name + '.hpp')).write_text(text)

    def run(self, program, test, limit, **variables):
        """Whether the test file passes."""
        try:
            done = subprocess.run(
                ['nice', '-n', '5', str(program), '--source-file=*/%s.cpp' % test, '--abort-after=1'],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit,
                env=dict(os.environ, **variables))
        except subprocess.TimeoutExpired:
            return False
        if done.returncode in (126, 127):  # of nice: not the test's answer
            raise RuntimeError('%s cannot be run' % program)
        return done.returncode in (0, 77)  # 77: part of it was skipped

    def build(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.tree(self.folder, rewritten(self.text, [
            (p, p.instrumented(n)) for n, p in enumerate(self.places)]))
        program = self.folder / 'run'
        self.objects = [OUT / 'main.o']
        flags = ['-O1', *COUNTED, '-include', str(ROOT / 'tests/support/mutants.hpp')]
        unit = self.folder / 'unit.cpp'
        unit.write_text(''.join('#include "%s"\n' % (ROOT / 'tests' / (t + '.cpp'))
                                for t in self.tests))
        if not self.objects[0].exists():
            self.must(self.compile([ROOT / 'tests/main.cpp'], self.objects[0], self.folder, '-c',
                                   *COUNTED))
        whole = self.folder / 'unit.ii'
        self.must(self.compile([unit], whole, self.folder, *flags, '-E'))
        self.here = set(map(int, re.findall(r'mutants::(?:here|number)<(\d+)>', whole.read_text())))
        self.must(self.compile([whole, *self.objects], program, self.folder, '-O1',
                               '-ldl', '-pthread'))
        return program

    def must(self, done):
        if done.returncode != 0:
            sys.exit('mutate.py: %s does not compile\n%s' %
                     (self.name, done.stdout.decode(errors='replace')[:4000]))

    def survey(self, program):
        """How long each test file takes, and which places it reaches."""
        self.reach, self.seconds = {}, {}
        for test in self.tests:
            seen, start = self.folder / (test + '.reached'), time.monotonic()
            if not self.run(program, test, 600, AKA_MUTANTS_REACHED=str(seen)):
                sys.exit('mutate.py: %s fails without a mutant: see %s' % (test, program))
            self.seconds[test] = time.monotonic() - start
            self.reach[test] = set(map(int, seen.read_text().split()))
        self.tests = sorted(self.tests, key=self.seconds.get)

    def limit(self, test):
        return 5 * self.seconds[test] + 5

    def killed(self, program, n, how):
        reaching = [t for t in self.tests if n in self.reach[t]]
        if not reaching:
            return self.killed_alone(n, how)
        return any(not self.run(program, t, self.limit(t), AKA_MUTANT='%d:%d' % (n, how + 1))
                   for t in reaching)

    def killed_alone(self, n, how):
        folder = self.folder / ('alone%d_%d' % (n, how))
        place = self.places[n]
        self.tree(folder, rewritten(self.text, [(place, place.forms[how])]))
        program = folder / 'run'
        test = TESTS[self.name][0]
        done = self.compile([ROOT / 'tests' / (test + '.cpp'), *self.objects], program, folder,
                            '-O0', *COUNTED, '-ldl', '-pthread')
        gone = done.returncode != 0 or not self.run(program, test, 10 * self.limit(test))
        shutil.rmtree(folder)
        return gone


def sweep(name, options, known):
    """Prints one header's survivors and its row; its score in percent."""
    header, start = Header(name, options), time.monotonic()
    program = header.build()
    header.survey(program)
    file = name + '.hpp'
    mutants = [(n, how) for n, p in enumerate(header.places) if n in header.here
               for how in range(len(p.forms))]
    if options.reached:
        mutants = [m for m in mutants if any(m[0] in r for r in header.reach.values())]
    every = len(mutants)

    def records(place, form):
        return {(file, source, place.old, form)
                for source in (place.source, place.source + ' ~ ' + place.next)}

    possible = set().union(*(records(p, form) for p in header.places for form in p.forms))
    for record in known:
        if record[0] == file and record not in possible:
            sys.exit('mutate.py: mutants_equivalent.txt: no such mutant: %s: %s' % record[:2])

    def equivalent(mutant):
        place = header.places[mutant[0]]
        return not known.isdisjoint(records(place, place.forms[mutant[1]]))

    skipped = [m for m in mutants if equivalent(m)]
    mutants = [m for m in mutants if not equivalent(m)]
    if options.sample and options.sample < len(mutants):
        mutants = sorted(random.Random(options.seed).sample(mutants, options.sample))
    dead = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, gone in zip(mutants, pool.map(lambda m: header.killed(program, *m), mutants)):
            dead += gone
            if not gone:
                place = header.places[mutant[0]]
                reached = any(mutant[0] in r for r in header.reach.values())
                print('    %s:%d:%d: %s -> %s%s\n        %s' %
                      (file, place.line, place.column, place.old, place.forms[mutant[1]],
                       '' if reached else '   (not run)', place.source), flush=True)
    score = 100 * dead / max(len(mutants), 1)
    print('%-16s %4d/%-4d %5.1f %%   of %d mutants, %d equivalent, %d s' %
          (file, dead, len(mutants), score, every, len(skipped), time.monotonic() - start))
    sys.stdout.flush()
    return score


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('headers', nargs='*', metavar='HEADER', help='of: ' + ' '.join(TESTS))
    parser.add_argument('--sample', type=int, default=0, help='mutants a header; 0: all')
    parser.add_argument('--reached', action='store_true',
                        help='leave out those that no test runs: in constant expressions, or untested')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--cxx', default=os.environ.get('CXX', 'g++'))
    parser.add_argument('--goal', type=float, default=90, help='least score of a header, percent')
    options = parser.parse_args()
    names = [h.replace('.hpp', '') for h in options.headers] or list(TESTS)
    for name in names:
        if name not in TESTS:
            parser.error('no tests are listed for ' + name)
    OUT.mkdir(parents=True, exist_ok=True)
    known = equivalents()
    scores = [sweep(name, options, known) for name in names]
    return 0 if min(scores) >= options.goal else 1


if __name__ == '__main__':
    sys.exit(main())
