#!/bin/bash
# Check the interfaces and routes of the host; a line for each thing that is looked at.
#
# usage: check_network.sh INTERFACE ADDRESS/PREFIX NETWORK HUB INTERNET_PROBE
#
# exit status: 0 all is well, 1 something is not
#
# shellcheck disable=SC2317 # check() runs the functions
set -euo pipefail

interface=$1 address=$2 network=$3 hub=$4 probe=$5
failed=0

check() { # SENTENCE COMMAND...
  if "${@:2}" >/dev/null 2>&1; then
    echo "ok: $1"
  else
    echo "NOT: $1"
    failed=1
  fi
}

is_up() { ip -o link show dev "$interface" up | grep -q .; }
has_address() { ip -o address show dev "$interface" | grep -qF " $address "; }
vpn_route() { ip -4 route show "$network" | grep -q " dev $interface "; }
default_elsewhere() {
  local routes
  routes=$(ip -4 route show default; ip -6 route show default)
  [[ -n $routes ]] && ! grep -q " dev $interface\b" <<<"$routes"
}
answers() { ping -n -q -c 3 -i 0.3 -W 5 "$1"; }

check "$interface is up" is_up
check "$interface has $address" has_address
check "$network is routed through $interface" vpn_route
check "the default route is not through $interface" default_elsewhere
check "the hub $hub answers" answers "$hub"
check "the internet answers ($probe)" answers "$probe"
exit "$failed"
