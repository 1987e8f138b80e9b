#!/bin/bash
# Give the interfaces that exist the setting that ufw's own file gives those of the next boot; print what was changed.
set -euo pipefail

for setting in /proc/sys/net/ipv[46]/conf/*/accept_redirects; do
  [[ $(<"$setting") == 0 ]] && continue
  echo 0 >"$setting"
  echo "$setting"
done
