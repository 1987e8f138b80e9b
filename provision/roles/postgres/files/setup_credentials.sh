#!/usr/bin/env bash
# Make the password of the database's superuser once, and keep it in two files that root alone can read.
#
# usage: setup_credentials.sh
#
# A file that is missing is written again from the other one. Prints what it did, never the password; nothing if there
# was nothing to do.
#
# exit status: 0 both files are there, 1 they cannot be, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

take 0 "$@"
require_root
umask 077

password_in() { # FILE: print the password in it; nothing if it has none
  local line
  [[ -f $1 ]] || return 0
  while IFS= read -r line; do
    if [[ $line == POSTGRES_PASSWORD=?* ]]; then printf '%s' "${line#*=}"; fi
  done <"$1"
}

keep() { # FILE CONTENT: the reader sees the old file or the new one, never half of it
  if [[ -f $1 && $(<"$1") == "$2" && $(stat -c '%u:%a' "$1") == 0:600 ]]; then return; fi
  local new
  new=$(mktemp "$1.XXXXXX")
  printf '%s\n' "$2" >"$new"
  sync "$new"
  mv -f "$new" "$1"
  printf 'wrote %s\n' "$1"
}

password=$(password_in "$POSTGRES_HOME/.env")
[[ -n $password ]] || password=$(password_in "$CREDENTIALS")
if [[ -z $password ]]; then
  [[ ! -e $PG_DATA/PG_VERSION ]] ||
    fail "the password of the database in $PG_DATA is lost" "bring $POSTGRES_HOME/.env or $CREDENTIALS back from a backup"
  password=$(openssl rand -base64 24)
fi
keep "$POSTGRES_HOME/.env" "POSTGRES_PASSWORD=$password"
keep "$CREDENTIALS" "# The superuser of PostgreSQL on this host; scripts/get_password.sh prints the password.
HOST=$PG_HOST
PORT=$PG_PORT
USER=$PG_SUPERUSER
POSTGRES_PASSWORD=$password"
