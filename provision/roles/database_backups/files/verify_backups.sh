#!/bin/bash
# Find out whether the backups would save us now: age and sums, the archiver, every WAL segment since the oldest backup,
# and a restore of the newest backup into an empty cluster in a throwaway container. The first fault is named.
#
# usage: verify_backups.sh
#
# What was verified last is noted in the file backups_last_verified in the folder above.
# exit status: 0 all is well, 1 something is wrong, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
source "$(dirname "$(readlink -f "$0")")/backups.sh"

readonly ARCHIVED_WITHIN=20 ARCHIVED_SOON=2 # seconds; until the latter no one asks whether it failed
readonly RECORD=$POSTGRES_HOME/backups_last_verified

check_age() { # BACKUP
  local hours=$((($(date +%s) - $(begun "$1")) / 3600))
  ((hours < STALE_HOURS)) || fail "stale: the newest backup, $1, is $hours hours old" "see why cron makes none: journalctl -t mail-database-backup"
}

check_sums() {
  local name files
  for name in $(backups); do
    files=$(damaged_files "$name") ||
      fail "backup $name is damaged. Truncated, changed or missing: $files" "do not rely on it. $MAKE_ONE"
  done
}

archiver_says() {
  query "SELECT format('It failed %s times, last at %s with %s; last it archived %s', failed_count,
    coalesce(last_failed_time::text, 'no time'), coalesce(last_failed_wal, 'nothing'), coalesce(last_archived_wal, 'nothing'))
    FROM pg_stat_archiver"
}

archived() { # WAL SEGMENT
  [[ $(stat --format=%s "$PG_WAL_ARCHIVE/$1" 2>/dev/null) == "$SEGMENT_BYTES" ]]
}

archived_or_failed() { # WAL SEGMENT FAILURES BEFORE
  archived "$1" || [[ $(query "SELECT failed_count FROM pg_stat_archiver") -gt $2 ]]
}

archive_now() { # print the newest WAL segment, once it is in the archive
  local answer wal
  answer=$(query "SELECT pg_walfile_name(pg_switch_wal()), failed_count
    FROM pg_logical_emit_message(true, 'verify', 'a segment to archive'), pg_stat_archiver") ||
    fail "the database does not answer, so it is unknown whether WAL is archived" "$SCRIPTS/manage.sh status"
  wal=${answer%|*}
  (await "$ARCHIVED_SOON" "the archiver" archived "$wal") >/dev/null 2>&1 ||
    (await "$ARCHIVED_WITHIN" "the archiver" archived_or_failed "$wal" "${answer#*|}") >/dev/null 2>&1 || true
  archived "$wal" ||
    fail "the archiver fails: WAL segment $wal is not in the archive. $(archiver_says)" \
      "look for the reason: df -h $PG_WAL_ARCHIVE; docker logs --tail 50 $CONTAINER"
  echo "$wal"
}

check_wal() { # LAST SEGMENT: from the oldest backup that leads there on, none is missing
  local path name first from='' newest_leads missing
  path=$(timelines "$1")
  for name in $(backups); do
    first=$(start_wal "$name")
    newest_leads=
    if leads_on "$first" "$path"; then
      newest_leads=yes
      from=${from:-$first}
    fi
  done
  [[ $newest_leads ]] || fail "the newest backup, $name, was made before a restore that went back to an earlier time: it does not lead to now" "$MAKE_ONE"
  missing=$(missing_wal "$from" "$path")
  [[ -z $missing ]] ||
    fail "missing WAL: between segments $from and $1 the archive lacks ${missing//$'\n'/, }, or has it in part" \
      "no moment after it can be restored from a backup that is older. $MAKE_ONE"
}

restore_in_container() { # BACKUP: into an empty cluster that is thrown away; print rows by table and roles
  local scratch
  as_postgres find "$PG_BACKUPS" -mindepth 1 -maxdepth 1 -name '.verify-*' -exec rm -rf -- {} +
  scratch=$(as_postgres mktemp --directory "$PG_BACKUPS/.verify-XXXXXX")
  in_image "$scratch" sh -s "$BACKUPS_INSIDE/$1" "$PG_SUPERUSER" "$DATABASE" "$COUNT_ROWS" <"$SCRIPTS/verify_in_container.sh" || {
    as_postgres rm -rf -- "$scratch"
    fail "backup $1 cannot be restored: the reason is above" "do not rely on it. $MAKE_ONE"
  }
  as_postgres rm -rf -- "$scratch"
}

note() { # BACKUP WHAT: when, which and what
  printf 'time %s\nbackup %s\n%s\n' "$(date --utc +%FT%TZ)" "$1" "$2" >"$RECORD.new"
  mv "$RECORD.new" "$RECORD"
}

take 0 "$@"
require_root
lock

newest=$(backups | tail -n 1)
[[ $newest ]] || fail "there is no backup in $PG_BACKUPS" "$MAKE_ONE"
check_age "$newest"
check_sums
last=$(archive_now)
check_wal "$last"
restored=$(restore_in_container "$newest")
note "$newest" "$restored"
echo "Backup $newest restores, and WAL leads from the oldest backup up to now:"
cat "$RECORD"
