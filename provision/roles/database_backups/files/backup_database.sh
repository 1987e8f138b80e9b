#!/bin/bash
# Make a backup: dump of the mail database, roles, and a base backup of the whole cluster.
#
# usage: backup_database.sh
#
# The backup appears whole or not at all. Cron runs this every night; it may be run at any time.
# exit status: 0 made, 1 not made, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
source "$(dirname "$(readlink -f "$0")")/backups.sh"

dump() { # FOLDER, as the container sees it; prints the rows by table
  in_postgres psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -v file="$1/mail.dump" -v name="$DATABASE" -d "$DATABASE" <<SQL || return 1
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\setenv FILE :file
\setenv NAME :name
\! pg_dump --format=custom --no-password --snapshot="\$SNAPSHOT" --file="\$FILE" "\$NAME"
\if :SHELL_ERROR
  DO 'BEGIN RAISE EXCEPTION \$\$pg_dump did not succeed\$\$; END';
\endif
$COUNT_ROWS
COMMIT;
SQL
}

write() { # FILE: standard input, as the database's account
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_postgres sh -c 'umask 027 && cat >"$1"' sh "$1"
}

seal() { # FOLDER: modes and sums
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_postgres sh -c 'cd "$1" && chmod 0640 mail.dump globals.sql &&
    sha256sum mail.dump counts globals.sql base/backup_manifest' sh "$1" | write "$1/MANIFEST.sha256"
}

take 0 "$@"
require_root
lock

as_postgres find "$PG_BACKUPS" -mindepth 1 -maxdepth 1 -name '.incomplete-*' -exec rm -rf -- {} + ||
  echo "Something still writes into what a backup left that was cut off; the next run removes it." >&2
size=$({ du --summarize --bytes --exclude=pg_wal "$PG_DATA" 2>/dev/null || true; } | cut -f 1) # files come and go while it counts
need_space "$PG_BACKUPS" $((size * 3 / 2 + (64 << 20))) "a backup"

name=$(date --utc +%Y%m%dT%H%M%SZ)
new=$PG_BACKUPS/.incomplete-$name inside=$BACKUPS_INSIDE/.incomplete-$name
trap 'as_postgres rm -rf -- "$new"; echo "No backup was made; older ones are as they were." >&2' EXIT
as_postgres mkdir --mode=0750 "$new"
dump "$inside" | write "$new/counts"
# shellcheck disable=SC2016 # expanded by the shell in the container
in_postgres sh -euc '
  pg_dumpall --globals-only --no-password --file="$1/globals.sql"
  pg_basebackup --pgdata="$1/base" --wal-method=stream --checkpoint=fast --no-password --label="$2"
  pg_verifybackup --quiet "$1/base"
' sh "$inside" "$name" </dev/null
seal "$new"
sync --file-system "$new"
as_postgres mv --no-target-directory "$new" "$PG_BACKUPS/$name"
trap - EXIT
sync "$PG_BACKUPS"

echo "Backup $name is made: $(du --summarize --bytes "$PG_BACKUPS/$name" | cut -f 1) bytes, rows: $(paste -s -d ',' "$PG_BACKUPS/$name/counts" | sed 's/,/, /g')."
