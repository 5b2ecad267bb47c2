#!/bin/sh
# npm start: installs what is missing, builds, and runs nanoshift on its embedded defaults.
set -eu
. "$(dirname "$0")/setup.sh"

if [ "$(id -u)" -ne 0 ]; then
  say 'must be run as root: it writes to /var/lib/microshift. (With --data-dir it runs as any user.)'
  case " $* " in *' --data-dir '*) ;; *) exit 1 ;; esac
fi
node scripts/install-uws.ts
step "building" node scripts/build.ts
exec node dist/nanoshift.mjs run --welcome "$@"
