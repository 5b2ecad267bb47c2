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

need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

# Installs the Debian packages of the commands that are missing: `install_missing command:package …`.
install_missing() {
  missing=''
  for pair in "$@"; do
    case "${pair%%:*}" in
    /*) [ -e "${pair%%:*}" ] ;;
    *) need "${pair%%:*}" ;;
    esac || missing="$missing ${pair#*:}"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! need apt-get; then
    say "these packages are missing and cannot be installed from here:$missing"
    return 0
  fi
  step 'reading the package lists' apt-get update -qq
  # shellcheck disable=SC2086
  step "installing$missing" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
}

# What a node needs of the operating system.
node_packages='containerd:containerd runc:runc crun:crun /usr/lib/cni/bridge:containernetworking-plugins nft:nftables
  ip:iproute2 conntrack:conntrack /bin/busybox:busybox-static'

if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  step 'installing Node modules (a minute or two the first time)' npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi
