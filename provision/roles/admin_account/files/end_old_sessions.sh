#!/bin/bash
# End what still runs under a number that no account has any more, and its runtime folder with it.
#
# usage: end_old_sessions.sh UID
set -euo pipefail

uid=${1:?usage: end_old_sessions.sh UID}
loginctl terminate-user "$uid" 2>/dev/null || true
systemctl stop "user@$uid.service" "user-runtime-dir@$uid.service" 2>/dev/null || true
for ((second = 0; second < 20; second++)); do
  pkill -KILL -U "$uid" || exit 0
  sleep 1
done
echo "processes of UID $uid do not end" >&2
exit 1
