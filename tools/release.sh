#!/usr/bin/env bash
# Runs every gate, then puts the files of a release into a folder, with their checksums.
#
#   tools/release.sh [FOLDER]     default: build/release; it must not be there yet
#
#   AKA_SKIP_GATES=1   only the files, to look at them: their place is then called -untested
#
# The source is what is committed. What is written: aka-VERSION.tar.gz, the single headers, the
# module, the debugger views, the files of packaging/ filled in, and SHA256SUMS of them all. The
# folder is there when all of it is, and was tried: each header compiled as it lies there, and the
# archive unpacked and held against it.
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

made=$out.part
rm -rf "$made"
mkdir -p "$made"
# The same bytes whoever makes it: names in order, the commit's time, no names of users.
git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$made/$name.tar.gz"
cp include/single/*.hpp tools/debug/aka_gdb.py LICENSE "$made"
# Beside the single headers, not in an installed tree.
sed -e 's,<aka/aka.hpp>,"aka.hpp",' -e 's,<aka/loading.hpp>,"aka_load.hpp",' module/aka.cppm \
    >"$made/aka.cppm"
! grep '<aka/' "$made/aka.cppm" || { echo 'release.sh: no single header for the module'; exit 1; }
sha256=$(sha256sum "$made/$name.tar.gz" | cut -d ' ' -f 1)
sha512=$(sha512sum "$made/$name.tar.gz" | cut -d ' ' -f 1)
fill() { # template, file
    mkdir -p "$(dirname "$2")"
    sed -e "s,@VERSION@,$version,g" -e "s,@SHA256@,$sha256,g" -e "s,@SHA512@,$sha512,g" \
        -e "s,@AKA_ABI@,v${version//./_},g" "$1" >"$2"
}
fill tools/debug/aka.natvis.in "$made/aka.natvis"
(cd packaging && find . -name '*.in') | while read -r file; do
    fill "packaging/$file" "$made/packaging/${file%.in}"
done
cp -r packaging/conan packaging/README.md "$made/packaging/"
! grep -rnE '@[A-Z0-9_]+@' "$made/aka.natvis" "$made/packaging" || { echo 'release.sh: not filled in'; exit 1; }

# What users will have is what was meant.
for header in "$made"/*.hpp; do
    echo "#include \"${header##*/}\"" |
        "${CXX:-c++}" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I"$made" -x c++ -
done
if [ -n "$(command -v clang++-19)" ]; then
    clang++-19 -std=c++20 -I"$made" --precompile "$made/aka.cppm" -o /dev/null
fi
tar -xzf "$made/$name.tar.gz" -C "$made"
[ "$("$made/$name/tools/version.py")" = "$version" ]
(cd "$made/$name/include/single" && for header in *.hpp; do cmp "$header" "../../../$header"; done)
"$made/$name/tools/amalgamate.py" --check
rm -rf "${made:?}/$name"

(cd "$made" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
(cd "$made" && sha256sum --quiet -c SHA256SUMS)
mv "$made" "$out"
echo "release.sh: $out"
(cd "$out" && wc -c $(find . -type f -printf '%P\n' | LC_ALL=C sort))
