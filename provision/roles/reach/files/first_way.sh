#!/usr/bin/env bash
# Print the first of several ways into a host on which a login works.
#
# usage: first_way.sh SECONDS USER@ADDRESS:PORT... -- [option of ssh...]
#
# exit status: 0 a way was printed, 1 none works (why, a line each, on stderr), 2 usage,
# 3 none works, but the host would take a password
set -euo pipefail

ways=()
while (($# > 1)) && [[ $2 != -- ]]; do
  ways+=("$2")
  set -- "$1" "${@:3}"
done
if (($# < 2)) || ((${#ways[@]} == 0)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
seconds=$1
options=("${@:3}")
(umask 077 && mkdir -p ~/.ansible/cp)

login() { # USER@ADDRESS PORT
  timeout "$seconds" ssh "${options[@]}" -o LogLevel=ERROR -p "$2" "$1" true </dev/null 2>&1 >/dev/null
}

# A master connection outlives a host that was restored or rebooted; then only a new one works.
drop_master() { # USER@ADDRESS PORT
  ssh "${options[@]}" -p "$2" -O exit "$1" >/dev/null 2>&1
}

status=1
for way in "${ways[@]}"; do
  account=${way%:*} port=${way##*:}
  if why=$(login "$account" "$port") || { drop_master "$account" "$port" && why=$(login "$account" "$port"); }; then
    printf '%s\n' "$way"
    exit 0
  fi
  why=$(tail -n 1 <<<"$why")
  [[ $why != *'Permission denied ('*password* ]] || status=3
  printf '%s: %s\n' "$way" "${why:-no answer within $seconds s}" >&2
done
exit "$status"
