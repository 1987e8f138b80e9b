#!/bin/bash
# Remove backups that are older than the days they are kept, and WAL that no backup needs any more.
#
# usage: cleanup_old_backups.sh
#
# The newest whole backup stays, however old. WAL is removed only up to the start of the oldest backup that stays.
# exit status: 0 done, 1 not done, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
source "$(dirname "$(readlink -f "$0")")/backups.sh"

is_whole() { # BACKUP: sums are right, and every file of the base backup; the server need not run
  local status=0
  damaged_files "$1" >/dev/null || return 1
  in_image '' pg_verifybackup --quiet "$BACKUPS_INSIDE/$1/base" </dev/null || status=$?
  ((status < 125)) || fail "it is unknown whether backup $1 is whole, so none was removed: no container could be run" "the reason is above"
  return "$status"
}

newest_whole() {
  local name
  for name in $(backups | tac); do
    if is_whole "$name"; then
      echo "$name"
      return
    fi
    echo "Backup $name is damaged." >&2
  done
  fail "no backup is whole, so none was removed" "make one: $SCRIPTS/backup_database.sh"
}

remove_backups() { # those begun before MOMENT that a whole one has followed
  local name good
  name=$(backups | head -n 1)
  [[ $name && $name < $1 ]] || return 0
  good=$(newest_whole)
  for name in $(backups); do
    if [[ $name < $1 && $name < $good ]]; then
      as_postgres mv --no-target-directory "$PG_BACKUPS/$name" "$PG_BACKUPS/.removed-$name"
      echo "Backup $name is removed."
    fi
  done
}

oldest_needed_wal() { # of all backups that are left
  local name wal needed=
  for name in $(backups); do
    wal=$(start_wal "$name") || return 1
    if [[ -z $needed || ${wal:8} < ${needed:8} ]]; then
      needed=$wal
    fi
  done
  echo "$needed"
}

count_archived() {
  find "$PG_WAL_ARCHIVE" -mindepth 1 -maxdepth 1 -type f | wc -l
}

take 0 "$@"
require_root
lock

remove_backups "$(date --utc --date="$KEPT_DAYS days ago" +%Y%m%dT%H%M%SZ)"
as_postgres find "$PG_BACKUPS" -mindepth 1 -maxdepth 1 -name '.removed-*' -exec rm -rf -- {} +

needed=$(oldest_needed_wal)
[[ -n $needed ]] || fail "there is no backup, so no WAL was removed" "make one: $SCRIPTS/backup_database.sh"
before=$(count_archived)
in_postgres pg_archivecleanup --clean-backup-history "$ARCHIVE_INSIDE" "$needed" </dev/null
# What an archiver that crashed left half written.
as_postgres find "$PG_WAL_ARCHIVE" -mindepth 1 -maxdepth 1 -name 'archtemp.*' -mmin +1440 -delete
echo "$(backups | wc -l) backups stay; $((before - $(count_archived))) WAL files before $needed are removed."
