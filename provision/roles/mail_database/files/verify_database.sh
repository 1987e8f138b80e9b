#!/bin/bash
# usage: verify_database.sh
#
# Look whether the mail database is whole and serves its services: a line for each thing, "ok: ..." or "NOT: ...".
# Nothing is changed.
#
# exit status: 0 all is well, 1 something is not, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/mail_settings.sh"

readonly TEST_USER=alice@testdomain.local

readonly SEPARATOR=$'\1' # of lines, where a script has to be one line

sentences=()
scripts=()

session() { # LINES: the checks that follow use a new session
  # No message may quote a statement, in which a password can stand.
  scripts+=($'\\set VERBOSITY terse\n'"$1")
}

check() { # SENTENCE CONDITION: must be true for the role that is logged in
  sentences+=("$1")
  scripts[-1]+="SELECT 'ok: $1' WHERE $2;"$'\n'
}

log_in() { # SERVICE: the checks that follow log in as this service
  local password
  password=$(sed -n "s/^$1=//p" "$SERVICE_USERS")
  session "\\connect 'postgresql://$1:$password@$PG_HOST:$PG_PORT/$DATABASE'"$'\n'
}

# Run every script. One that fails to log in ends alone.
run_all() {
  # shellcheck disable=SC2016 # for the shell in the container
  printf '%s\n' "${scripts[@]//$'\n'/$SEPARATOR}" | in_postgres sh -c '
    while IFS= read -r script; do
      printf "%s\n" "$script" | tr "$2" "\n" | psql -X -q -A -t -d "$1" -f -
    done
  ' sh "$DATABASE" "$SEPARATOR" 2>&1
}

take 0 "$@"
require_root
[[ -s $SERVICE_USERS ]] || fail "$SERVICE_USERS with the services' passwords is missing" "apply task 2.1.2 again"
state=$(is_healthy) || fail "the container $CONTAINER is not healthy: ${state:-no answer}" \
  "$POSTGRES_HOME/scripts/manage.sh logs"

session ""
for table in virtual_domains virtual_users virtual_aliases; do
  check "the table $table is there" "EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('$table') AND relkind = 'r')"
done
check "the view user_mailbox_info is there" \
  "EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('user_mailbox_info') AND relkind = 'v')"
check "the function verify_password is there" "to_regprocedure('verify_password(text, text)') IS NOT NULL"
check "every stored password is a SHA512-CRYPT hash within its limits" \
  "NOT EXISTS (SELECT FROM virtual_users WHERE is_sha512_crypt(password) IS NOT TRUE)"

log_in postfix
check "postfix logs in and looks up domains, mailboxes and aliases" \
  "(SELECT count(*) >= 0 FROM postfix_domains, postfix_mailboxes, postfix_aliases)"
check "postfix may not see a password" "NOT has_any_column_privilege('virtual_users', 'SELECT')"
log_in dovecot
check "dovecot logs in and looks up mailboxes" "(SELECT count(password) >= 0 FROM user_mailbox_info)"
# shellcheck disable=SC2153 # of mail_settings.sh
if [[ -s $TEST_USERS ]]; then
  password=$(sed -n 's/^password=//p' "$TEST_USERS")
  check "verify_password knows the password of the test users" "verify_password('$TEST_USER', '$password')"
  check "verify_password refuses another password" "NOT verify_password('$TEST_USER', 'not $password')"
fi
log_in sogo
check "sogo logs in and may change passwords and nothing else" \
  "(SELECT count(c_password) >= 0 FROM sogo_users) AND has_column_privilege('sogo_users', 'c_password', 'UPDATE')
   AND NOT has_column_privilege('sogo_users', 'c_uid', 'UPDATE')"
log_in mailadmin
check "mailadmin logs in and may manage domains, users and aliases" \
  "(SELECT bool_and(has_table_privilege(name, privilege)) FROM
    unnest(ARRAY['virtual_domains', 'virtual_users', 'virtual_aliases']) AS name,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege)"

output=$(run_all) || true
failed=0
for sentence in "${sentences[@]}"; do
  if grep -qxF "ok: $sentence" <<<"$output"; then
    echo "ok: $sentence"
  else
    echo "NOT: $sentence"
    failed=1
  fi
done
((failed == 0)) || fail "the mail database is not correct; PostgreSQL reports: $(grep -v '^ok: ' <<<"$output" || echo nothing)" \
  "${BASH_SOURCE[0]%/*}/apply_schema.sh repairs it, except for wrong rows"
