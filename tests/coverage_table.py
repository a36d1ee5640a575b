"""The table of coverage.sh: coverage_table.py EXPORT LINES BRANCHES MISSING GROUP...
EXPORT is what llvm-cov exports as JSON."""
import bisect
import json
import pathlib
import sys


def line_counts(segments):
    """{line: how often it was run}, for lines with code. A segment [line, column, count, counts,
    begins a region, gap] holds until the next one; a line has the largest count of those that
    begin in it or come into it from above."""
    counts = {}
    for here, after in zip(segments, segments[1:] + [None]):
        line, _, count, counted, entry, gap = here[:6]
        if not counted:
            continue
        if entry and not gap:
            counts[line] = max(counts.get(line, 0), count)
        # The lines that it goes through; the last one only if it does not end at its first column.
        last = after[0] if after else line
        for covered in range(line + 1, last + (1 if after and after[1] > 1 else 0)):
            if not gap:
                counts[covered] = max(counts.get(covered, 0), count)
    return counts


def branch_outcomes(file, source):
    """{(line, column, ...): [times true, times false]}, without those that were folded."""
    outcomes = {}
    for branch in file['branches']:
        both = outcomes.setdefault(tuple(branch[:4]), [0, 0])
        both[0] += branch[4]
        both[1] += branch[5]
    segments = file['segments']
    starts = [tuple(s[:2]) for s in segments]

    def folded(place):
        at = bisect.bisect_right(starts, place[:2]) - 1
        run = at >= 0 and segments[at][2] > 0
        return run or 'if constexpr' in source[place[0] - 1]

    return {place: both for place, both in outcomes.items() if any(both) or not folded(place)}


def main():
    path, least_lines, least_branches, missing, *group = sys.argv[1:]
    files = json.loads(pathlib.Path(path).read_text())['data'][0]['files']
    total, grouped = [0] * 4, [0] * 4

    def row(name, n):
        print('%-26s %6d %6d %6.1f %% %7d %6d %6.1f %%' %
              (name, n[1], n[0], 100 * n[0] / max(n[1], 1), n[3], n[2], 100 * n[2] / max(n[3], 1)))

    print('%-26s %6s %6s %8s %7s %6s %8s' % ('', 'lines', 'run', '', 'outcomes', 'run', ''))
    for file in files:
        header = pathlib.Path(file['filename'])
        source = header.read_text().split('\n')
        lines = line_counts(file['segments'])
        branches = branch_outcomes(file, source)
        n = [sum(c > 0 for c in lines.values()), len(lines),
             sum((t > 0) + (f > 0) for t, f in branches.values()), 2 * len(branches)]
        mine = header.stem in group
        row(header.name + (' *' if mine else ''), n)
        total = [a + b for a, b in zip(total, n)]
        if mine:
            grouped = [a + b for a, b in zip(grouped, n)]
        if header.stem in missing.split():
            for line in sorted(k for k, c in lines.items() if c == 0):
                print('    %d: %s' % (line, source[line - 1].strip()))
            for place, (t, f) in sorted(branches.items()):
                if not t or not f:
                    what = source[place[0] - 1][place[1] - 1:place[3] - 1 if place[0] == place[2] else None]
                    print('    %d:%d: never %s: %s' % (
                        place[0], place[1], 'reached' if t == f else 'false' if t else 'true', what))
    row('all', total)
    row('* readers, names, layouts', grouped)
    good = (100 * grouped[0] >= float(least_lines) * grouped[1] and
            100 * grouped[2] >= float(least_branches) * grouped[3])
    if not good:
        print('coverage.sh: the group is below %s %% of lines or %s %% of branches' %
              (least_lines, least_branches))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
