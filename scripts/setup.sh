# Sourced by start.sh and test.sh: brings a fresh checkout to the point where nanoshift can be built. Idempotent.
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

say() { printf 'nanoshift: %s\n' "$*"; }

# Runs a command that may take long: says what it does, shows that it is alive, and prints its output if it fails.
step() {
  what=$1
  shift
  log=$(mktemp)
  began=$(date +%s)
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  printf 'nanoshift: %s ' "$what"
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    printf '.'
  done
  if wait "$pid"; then
    printf ' done in %s s\n' "$(($(date +%s) - began))"
    rm -f "$log"
  else
    code=$?
    printf ' FAILED\n'
    cat "$log" >&2
    rm -f "$log"
    exit "$code"
  fi
}

if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  step 'installing Node modules (a minute or two the first time)' npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi
