#!/bin/sh
# Restore a backup into an empty cluster and see whether it works; verify_backups.sh runs this in a throwaway container.
#
# usage: sh -s BACKUP SUPERUSER DATABASE COUNT_ROWS, with a private folder at /scratch
#
# Prints the rows by table, then the roles that can log in. Status 1 with the reason on stderr if it does not work.
set -eu

backup=$1 superuser=$2 database=$3 count_rows=$4
export PGHOST=/scratch PGUSER="$superuser" PGCONNECT_TIMEOUT=10

reason() {
  echo "$1" >&2
  exit 1
}

start_empty_cluster() {
  initdb --pgdata=/scratch/data --username="$superuser" --auth=trust --encoding=UTF8 --no-locale --no-sync \
    >/scratch/log 2>&1 ||
    reason "no empty cluster could be made: $(tail -n 1 /scratch/log)"
  postgres -D /scratch/data -c listen_addresses= -c unix_socket_directories=/scratch -c fsync=off -c shared_buffers=32MB \
    >/scratch/log 2>&1 &
  tries=300
  until pg_isready --quiet; do
    tries=$((tries - 1))
    { [ "$tries" -gt 0 ] && kill -0 $!; } 2>/dev/null || reason "the empty cluster does not start: $(tail -n 1 /scratch/log)"
    sleep 0.2
  done
}

sql() { # DATABASE OPTIONS...
  psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -d "$@"
}

pg_verifybackup --quiet "$backup/base" || reason "the base backup is damaged"
start_empty_cluster

grep -vxF "CREATE ROLE $superuser;" "$backup/globals.sql" >/scratch/globals.sql
sql postgres -f /scratch/globals.sql >/dev/null || reason "the roles cannot be restored"
pg_restore --create --exit-on-error --dbname=postgres "$backup/mail.dump" || reason "the dump cannot be restored"

printf '%s\n' "$count_rows" | sql "$database" >/scratch/counts
noted=$(cat "$backup/counts") restored=$(cat /scratch/counts)
[ "$noted" = "$restored" ] || reason "the restored tables have other rows than the backup noted: $restored; noted: $noted"

# A user that mailadmin makes can be checked by dovecot: tables, rights and functions work together.
works=$(
  sql "$database" <<'SQL'
BEGIN;
SET ROLE mailadmin;
INSERT INTO virtual_domains (name) VALUES ('verify.invalid');
INSERT INTO virtual_users (email, display_name, password)
VALUES ('probe@verify.invalid', 'Probe', hash_password('right', 1000));
SET ROLE dovecot;
SELECT verify_password('probe@verify.invalid', 'right') AND NOT verify_password('probe@verify.invalid', 'wrong');
ROLLBACK;
SQL
) || reason "the restored roles cannot do their work"
[ "$works" = t ] || reason "verify_password() of the restored database does not distinguish right from wrong"

cat /scratch/counts
sql postgres -c "SELECT 'roles', string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin"
