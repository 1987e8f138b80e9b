#!/bin/bash
# End everything that runs under a UID, even if no account has the number any more. Print a line if anything ran.
#
# usage: end_sessions.sh UID
set -euo pipefail

uid=${1:?usage: end_sessions.sh UID}
deadline=$((SECONDS + 20))
pgrep -U "$uid" >/dev/null || exit 0

loginctl terminate-user "$uid" 2>/dev/null || true
systemctl stop "user@$uid.service" "user-runtime-dir@$uid.service" 2>/dev/null || true
while left=$(pgrep -l -U "$uid"); do
  if ((SECONDS >= deadline)); then
    printf 'processes of UID %s do not end:\n%s\n' "$uid" "$left" >&2
    exit 1
  fi
  pkill -KILL -U "$uid" || true
  timeout 1 pidwait -U "$uid" || true
done
echo "ended the processes of UID $uid"
