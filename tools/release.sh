#!/usr/bin/env bash
# Runs every gate, then puts the files of a release into a folder, with their checksums.
#
#   tools/release.sh [FOLDER]     default: build/release; it must not be there yet
#
#   AKA_SKIP_GATES=1   only the files, to look at them: their place is then called -untested
#
# The source is what is committed. What is written: aka-VERSION.tar.gz, the single headers, the
# module, the debugger views, the files of packaging/ filled in, and SHA256SUMS of them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(tools/version.py)
name=aka-$version
out=${1:-build/release}
[ -z "${AKA_SKIP_GATES:-}" ] || out=$out-untested
[ ! -e "$out" ] || { echo "release.sh: $out is there already"; exit 1; }
[ -z "$(git status --porcelain)" ] || { echo 'release.sh: there are changes that are not committed'; exit 1; }

# The changelog has a section of this version, and it is dated.
if ! grep -Eq "^## ${version//./\\.} \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md; then
    echo "release.sh: CHANGELOG.md has no '## $version (YYYY-MM-DD)'"
    [ -n "${AKA_SKIP_GATES:-}" ] || exit 1
fi

if [ -z "${AKA_SKIP_GATES:-}" ]; then
    bash .ci/run
    bash tests/platforms.sh all
fi

mkdir -p "$out"
# The same bytes whoever makes it: names in order, the commit's time, no names of users.
git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"
cp include/single/*.hpp module/aka.cppm tools/debug/aka_gdb.py LICENSE "$out"
sha256=$(sha256sum "$out/$name.tar.gz" | cut -d ' ' -f 1)
sha512=$(sha512sum "$out/$name.tar.gz" | cut -d ' ' -f 1)
fill() { # template, file
    mkdir -p "$(dirname "$2")"
    sed -e "s,@VERSION@,$version,g" -e "s,@SHA256@,$sha256,g" -e "s,@SHA512@,$sha512,g" \
        -e "s,@AKA_ABI@,v${version//./_},g" "$1" >"$2"
}
fill tools/debug/aka.natvis.in "$out/aka.natvis"
(cd packaging && find . -name '*.in') | while read -r file; do
    fill "packaging/$file" "$out/packaging/${file%.in}"
done
cp -r packaging/conan packaging/README.md "$out/packaging/"
(cd "$out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
echo "release.sh: $out"
(cd "$out" && sha256sum --quiet -c SHA256SUMS && wc -c $(find . -type f -printf '%P\n' | LC_ALL=C sort))
