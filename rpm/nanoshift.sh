#!/bin/sh
# Finds its tree beside itself, so that the installed files can be moved as a whole.
here=$(dirname "$(readlink -f "$0")")
exec "$here/../lib/nanoshift/bin/node" "$here/../lib/nanoshift/dist/nanoshift.mjs" "$@"
