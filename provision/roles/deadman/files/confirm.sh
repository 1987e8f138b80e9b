#!/usr/bin/env bash
# Prove a way in by a new login, and disarm the dead-man switch from inside it.
#
# usage: confirm.sh NAME USER@ADDRESS PORT [option of ssh...]
#
# exit status: 0 disarmed, 1 no login or nothing left to disarm, 2 usage
set -euo pipefail

if (($# < 3)); then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
name=$1 account=$2 port=$3
options=("${@:4}")

ssh "${options[@]}" -p "$port" -O exit "$account" >/dev/null 2>&1 || true
sudo=(sudo -n)
[[ $account == root@* ]] && sudo=()
timeout 40 ssh "${options[@]}" -p "$port" "$account" \
  "${sudo[@]}" systemctl stop "deadman-$name.timer" '&&' "${sudo[@]}" rm -rf "/run/deadman/$name" </dev/null || exit 1
