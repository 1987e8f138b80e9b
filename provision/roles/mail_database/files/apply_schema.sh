#!/bin/bash
# usage: apply_schema.sh
#
# Bring the mail database to what the files in sql/ say (tables, views, functions, roles, rights), and the services'
# passwords to what their file in /root says. The database is made where it is missing. Either all of it
# happens or nothing does; rows stay as they are. It may be run at any time.
#
# The last line is "changed" or "unchanged".
# exit status: 0 done, 1 it could not be done and nothing was changed, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/mail_settings.sh"

create_database() {
  in_postgres psql -X -q -A -t -v ON_ERROR_STOP=1 -v database="$DATABASE" -d postgres -f - <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8''', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
SQL
}

# A digest of all that the files can change: roles with their passwords, rights on databases, schema, rows.
fingerprint() {
  # shellcheck disable=SC2016 # $1 is for the shell in the container
  in_postgres sh -euc '
    pg_dumpall --globals-only
    pg_dump --create --dbname="$1"
    psql -X -A -t -d "$1" -c "SELECT datname, datacl FROM pg_database ORDER BY 1"
  ' sh "$DATABASE" | grep -Ev '^\\(un)?restrict ' | sha256sum
}

# The variables that sql/ asks for, with secrets in them: for a pipe, never for a file or an argument.
variables() {
  local files=("$SERVICE_USERS")
  [[ ! -e $TEST_USERS ]] || files+=("$TEST_USERS")
  "$POSTGRES_HOME/scripts/password_variables.py" "${files[@]}"
}

case ${1-} in
  --help | -h) show_help; exit 0 ;;
  "") ;;
  *) misuse "it takes no argument, and got: $1" ;;
esac
require_root
[[ -s $SERVICE_USERS ]] || fail "$SERVICE_USERS with the services' passwords is missing" "apply task 2.1.2 again"
await_healthy

create_database
before=$(fingerprint)
variables=$(variables)
{ printf '%s\n' "$variables"; cat "$POSTGRES_HOME"/sql/*.sql; } |
  in_postgres psql -X -q -v ON_ERROR_STOP=1 --single-transaction -d "$DATABASE" -f - ||
  fail "the schema was not applied, and nothing was changed; PostgreSQL's reason is above" \
    "mend what it names, then run $0 again"
after=$(fingerprint)
if [[ $before == "$after" ]]; then echo unchanged; else echo changed; fi
