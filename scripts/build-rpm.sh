#!/bin/sh
# Stages the runnable tree and wraps it into an RPM: sh scripts/build-rpm.sh [OUTPUT-FOLDER]
set -eu
. "$(dirname "$0")/setup.sh"
out=${1:-$PWD/dist-rpm}
version=$(node -p "require('./package.json').version")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/nanoshift-$version

node scripts/install-uws.ts
node scripts/build.ts
mkdir -p "$tree/bin" "$tree/node_modules"
cp -a dist build hardware-profiles package.json LICENSE rpm "$tree/"
cp "$(node -p process.execPath)" "$tree/bin/node"
node scripts/stage-modules.ts "$tree/node_modules"
mkdir -p "$work/rpm/SOURCES" "$out"
tar -C "$work" -cf "$work/rpm/SOURCES/nanoshift-$version.tar" "nanoshift-$version"
step 'packing the RPM' rpmbuild -bb --define "_topdir $work/rpm" --define "nanoshift_version $version" rpm/nanoshift.spec
find "$work/rpm/RPMS" -name '*.rpm' -exec cp {} "$out/" \;
ls -l "$out"
