#!/bin/bash
# Write a line NAME=PASSWORD for each name to a file that only root can read. A password has 32 characters, all of them
# good in an address and in every service's own configuration.
#
# usage: new_passwords.sh FILE NAME...
set -euo pipefail

file=$1
umask 077
scratch=$(mktemp "$file.XXXXXXXX")
trap 'rm -f "$scratch"' EXIT
for name in "${@:2}"; do
  printf '%s=%s\n' "$name" "$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')"
done >"$scratch"
sync "$scratch"
mv -n "$scratch" "$file"
