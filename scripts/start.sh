#!/bin/sh
# npm start: installs what is missing, builds, makes the images of examples/hello.yaml, and runs nanoshift on its
# embedded defaults. A second start needs no network.
set -eu
. "$(dirname "$0")/setup.sh"

data_dir=/var/lib/microshift
previous=''
for argument in "$@"; do
  [ "$previous" = --data-dir ] && data_dir=$argument
  case $argument in --data-dir=*) data_dir=${argument#--data-dir=} ;; esac
  previous=$argument
done
if [ "$(id -u)" -ne 0 ]; then
  say 'must be run as root: it runs containers and writes to /var/lib/microshift'
  exit 1
fi
# shellcheck disable=SC2086
install_missing $node_packages
node scripts/install-uws.ts
step 'building' node scripts/build.ts
step 'making the hello image' node scripts/images/make.ts "$data_dir/images"
exec node dist/nanoshift.mjs run --welcome "$@"
