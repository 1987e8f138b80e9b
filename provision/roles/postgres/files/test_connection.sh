#!/usr/bin/env bash
# Log in to the database server as its superuser, over its address in the VPN, and print the answer.
#
# usage: test_connection.sh
#
# exit status: 0 it answers and lets the superuser in, 1 it does not (why, on stderr), 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

take 0 "$@"
require_root

manage=${BASH_SOURCE[0]%/*}/manage.sh
state=$(health 2>&1) || fail "there is no container $CONTAINER: ${state##*$'\n'}" "$manage start"
[[ $state == running* ]] || fail "the container $CONTAINER is not running, but $state" "$manage start"
query="SELECT format('PostgreSQL %s, up since %s', current_setting('server_version'), pg_postmaster_start_time())"
output=$(in_postgres psql --no-psqlrc --no-password --tuples-only --no-align --dbname=postgres --command="$query" 2>&1 </dev/null) ||
  fail "$PG_SUPERUSER cannot log in at $PG_HOST:$PG_PORT: $output" "$manage status; $manage logs"
printf '%s:%s lets %s in: %s\n' "$PG_HOST" "$PG_PORT" "$PG_SUPERUSER" "$output"
