#!/bin/bash
# usage: apply_schema.sh
#
# Bring the mail database to what the files in sql/ say (tables, views, functions, roles, rights), and the services'
# passwords to what their file in /root says. The database is created if it is missing. Either all of it
# happens or nothing does; rows stay as they are. It may be run at any time.
#
# The last line is "changed" or "unchanged".
# exit status: 0 done, 1 it could not be done and nothing was changed, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/mail_settings.sh"

# For the shell in the container. Starting a program there is slow, so it starts only one: DATABASE BETWEEN, and the SQL on its
# standard input. It prints all that the SQL can change, as it was before and after: roles with their passwords, rights
# on databases, schema, rows.
# shellcheck disable=SC2016 # expanded there
readonly PROGRAM='
  look() {
    pg_dumpall --globals-only
    pg_dump --create --dbname="$1"
    psql -X -A -t -d "$1" -c "SELECT datname, datacl FROM pg_database ORDER BY 1"
  }
  psql -X -A -t -d postgres -c "SELECT datname FROM pg_database" </dev/null | grep -qxF -- "$1" ||
    createdb --template=template0 --encoding=UTF8 -- "$1" </dev/null
  look "$1" </dev/null
  echo "$2"
  psql -X -q -v ON_ERROR_STOP=1 --single-transaction -d "$1" -f - >&2
  look "$1" </dev/null || exit 64
'
readonly BETWEEN='-- the state follows' # a line of its own

# The variables that sql/ asks for, with secrets in them: for a pipe, never for a file or an argument.
variables() {
  local files=("$SERVICE_USERS")
  [[ ! -e $TEST_USERS ]] || files+=("$TEST_USERS")
  "$POSTGRES_HOME/scripts/password_variables.py" "${files[@]}"
}

take 0 "$@"
require_root
[[ -s $SERVICE_USERS ]] || fail "$SERVICE_USERS with the services' passwords is missing" "apply task 2.1.2 again"
await_healthy

variables=$(variables)
# Digests of both states; one line if they are the same.
digests=$({ printf '%s\n' "$variables"; cat "$POSTGRES_HOME"/sql/*.sql; } |
  in_postgres sh -euc "$PROGRAM" sh "$DATABASE" "$BETWEEN" | grep -Ev '^\\(un)?restrict ' |
  awk -v between="$BETWEEN" '$0 == between { look++; next } { print | ("sha256sum # " look) }' | sort -u) || {
  (($? != 64)) || fail "the schema is applied, but what that changed could not be seen; the reason is above" "run $0 again"
  fail "the schema was not applied, and nothing was changed; PostgreSQL's reason is above" \
    "mend what it names, then run $0 again"
}
if [[ $digests == *$'\n'* ]]; then echo changed; else echo unchanged; fi
