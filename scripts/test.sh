#!/bin/sh
# npm test: sets up, then everything that must hold: types, style, arrows, generated files, tests, a short bench gate.
set -eu
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086
install_missing $node_packages etcd:etcd-server strace:strace rpmbuild:rpm cpio:cpio socat:socat dig:bind9-dnsutils

node scripts/install-uws.ts
step 'building' node scripts/build.ts
step 'checking types' tsc --noEmit
step 'checking style' biome ci --error-on-warnings --log-level=warn
step 'checking arrows between rooms' node scripts/check-imports.ts
say 'running tests'
node --test --test-reporter=spec --test-concurrency=2 --test-timeout=1200000 'src/**/*.test.ts' 'test/**/*.test.ts' 'scripts/**/*.test.ts'
say 'running the short bench gate'
node bench/gate.ts
