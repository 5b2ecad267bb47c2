#!/bin/sh
# npm test: sets up, then everything that must hold: types, style, arrows, generated files, tests, a short bench gate.
set -eu
. "$(dirname "$0")/setup.sh"

need() { command -v "$1" >/dev/null 2>&1; }

missing=''
need etcd || missing="$missing etcd-server"
need ip || missing="$missing iproute2"
need strace || missing="$missing strace"
need rpmbuild || missing="$missing rpm"
need cpio || missing="$missing cpio"
if [ -n "$missing" ] && [ "$(id -u)" -eq 0 ] && need apt-get; then
  step 'reading the package lists' apt-get update -qq
  # shellcheck disable=SC2086
  step "installing$missing" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

node scripts/install-uws.ts
step 'building' node scripts/build.ts
step 'checking types' tsc --noEmit
step 'checking style' biome ci --error-on-warnings --log-level=warn
step 'checking arrows between rooms' node scripts/check-imports.ts
say 'running tests'
node --test --test-reporter=spec --test-concurrency=2 'src/**/*.test.ts' 'test/**/*.test.ts' 'scripts/**/*.test.ts'
say 'running the short bench gate'
node bench/gate.ts
