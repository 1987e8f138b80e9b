#!/bin/bash
# Restore the mail database, or the whole cluster.
#
# usage: restore_database.sh dump BACKUP
#        restore_database.sh cluster BACKUP
#        restore_database.sh to-time BACKUP TIMESTAMP [TIMELINE]
#
#   dump     the mail database as it was dumped, and the roles that are missing; the rest of the cluster stays
#   cluster  the whole cluster from the base backup and all WAL that there is: as new as possible
#   to-time  the whole cluster as it was at that moment, such as '2026-01-12 10:15:00+00': later commits are gone
#
# BACKUP is a folder's name such as 20260112T020000Z, or newest. TIMELINE is a number, if not the newest is meant: each
# restore of the cluster begins a new one. What is there already is replaced only after a typed confirmation, read from
# standard input, and kept until the restore has succeeded.
# exit status: 0 restored, 1 not restored, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
source "$(dirname "$(readlink -f "$0")")/backups.sh"

readonly RECOVERED_WITHIN=3600 # seconds
readonly FRESH=${DATABASE}_restored REPLACED=${DATABASE}_replaced
readonly NEW_DATA=$PG_DATA.restoring OLD_DATA=$PG_DATA.replaced

confirm() { # WHAT WILL HAPPEN
  local typed=
  echo "$1"
  echo "Type the name of the database, $DATABASE, to go on:"
  read -r typed || true
  [[ $typed == "$DATABASE" ]] || fail "not confirmed, so nothing was changed" "type $DATABASE when asked"
}

chosen_backup() { # NAME OR newest
  local name=$1 files
  [[ $name != newest ]] || name=$(backups | tail -n 1)
  backups | grep -qxF -- "$name" ||
    fail "there is no backup $1 in $PG_BACKUPS" "there are: $(backups | paste -s -d ' ')"
  files=$(damaged_files "$name") ||
    fail "backup $name is damaged. Truncated, changed or missing: $files" "choose another: $(backups | paste -s -d ' ')"
  echo "$name"
}

moment_of() { # TIMESTAMP: as PostgreSQL reads it without doubt
  date --utc --date="$1" '+%F %T.%6N+00' 2>/dev/null || misuse "'$1' is no time. One is: 2026-01-12 10:15:00+00"
}

or_undo() { # UNDO COMMAND...: run the command, and the function UNDO if it fails or is interrupted
  local status
  trap 'echo "Interrupted." >&2' INT TERM HUP # ends the command, not this script
  set +e
  (
    set -e
    "${@:2}"
  )
  status=$?
  set -e
  ((status == 0)) || {
    "$1"
    exit 1
  }
}

# --- dump

other_roles() { # NAMES: of globals on standard input, what is not about the roles of these names
  awk -v names="$*" 'BEGIN { split(names, given, " "); for (i in given) there[given[i]] = 1 }
    $2 == "ROLE" { role = $3; sub(/;$/, "", role); if (role in there) next }
    { print }'
}

restore_roles() { # BACKUP: roles that are there keep what they have
  local there
  there=$(query "SELECT string_agg(quote_ident(rolname), ' ') FROM pg_roles WHERE rolname !~ '^pg_'")
  other_roles "$there" <"$PG_BACKUPS/$1/globals.sql" | in_postgres psql -X -q -v ON_ERROR_STOP=1 -d postgres || return 1
}

exists() { # DATABASE
  [[ $(query "SELECT 1 FROM pg_database WHERE datname = '$1'") == 1 ]]
}

open_to_all() { # DATABASE
  query "ALTER DATABASE $1 ALLOW_CONNECTIONS true"
}

close() { # DATABASE: to new connections, and end those that there are
  query "ALTER DATABASE $1 ALLOW_CONNECTIONS false" \
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '$1'" >/dev/null
}

drop() { # DATABASE, if it is there
  query "SET client_min_messages = warning" "DROP DATABASE IF EXISTS $1 WITH (FORCE)"
}

rename() { # FROM TO [FROM TO]: all or none
  local statements="ALTER DATABASE $1 RENAME TO $2"
  (($# == 2)) || statements+="; ALTER DATABASE $3 RENAME TO $4"
  query "BEGIN; $statements; COMMIT"
}

put_database_back() {
  if exists "$REPLACED"; then
    drop "$DATABASE"
    rename "$REPLACED" "$DATABASE"
  fi
  if exists "$DATABASE"; then
    open_to_all "$DATABASE"
  fi
  drop "$FRESH"
  echo "The restore failed; the database is as it was before." >&2
}

apply_schema() { # a dump has no rights on databases, and may be older than the schema
  if [[ -x $SCRIPTS/apply_schema.sh ]]; then
    "$SCRIPTS/apply_schema.sh" </dev/null
  else
    echo "Rights on the database itself are not part of a dump: apply task 2.1.2."
  fi
}

restore_dump() { # BACKUP
  ! exists "$REPLACED" ||
    fail "an earlier restore was interrupted: the database $REPLACED is still there" "look at it, then drop it, or rename it to $DATABASE"
  if exists "$DATABASE"; then
    confirm "The database $DATABASE will be replaced by the dump of backup $1; what was written since then will be gone."
  fi
  drop "$FRESH"
  or_undo put_database_back replace_database "$1"
  drop "$REPLACED"
  echo "The database $DATABASE is that of backup $1."
}

replace_database() { # BACKUP
  restore_roles "$1"
  query "CREATE DATABASE $FRESH TEMPLATE template0 ENCODING 'UTF8'" "REVOKE ALL ON DATABASE $FRESH FROM PUBLIC"
  in_postgres pg_restore --exit-on-error --no-password --dbname="$FRESH" "$BACKUPS_INSIDE/$1/mail.dump" </dev/null
  if exists "$DATABASE"; then
    close "$DATABASE"
    rename "$DATABASE" "$REPLACED" "$FRESH" "$DATABASE"
  else
    rename "$FRESH" "$DATABASE"
  fi
  apply_schema
}

# --- cluster and to-time

system_identifier() { # DATA FOLDER
  od --address-radix=n --format=u8 --read-bytes=8 "$1/global/pg_control" | tr -d ' '
}

recovery_settings() { # [MOMENT [TIMELINE]]
  [[ -z ${1-} ]] || echo "recovery_target_time = '$1'"
  echo "recovery_target_timeline = '${2:-latest}'"
  echo "recovery_target_action = 'promote'"
}

prepare_data() { # BACKUP SETTINGS
  rm -rf -- "$NEW_DATA"
  install --directory --owner="$PG_UID" --group="$PG_GID" --mode=0700 "$NEW_DATA"
  as_postgres cp --archive "$PG_BACKUPS/$1/base/." "$NEW_DATA"
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_postgres sh -c 'cd "$1" && touch recovery.signal && sed -i "/^recovery_target/d" postgresql.auto.conf &&
    printf "%s\n" "$2" >>postgresql.auto.conf' sh "$NEW_DATA" "$2"
}

rescue_wal() { # what the cluster that is replaced could not archive any more
  local wal
  [[ -e $PG_DATA/global/pg_control && -d $PG_DATA/pg_wal && $(system_identifier "$PG_DATA") == "$(system_identifier "$NEW_DATA")" ]] || return 0
  find "$PG_DATA/pg_wal" -mindepth 1 -maxdepth 1 -type f -printf '%f\n' | { grep -Ex '[0-9A-F]{24}|[0-9A-F]{8}\.history' || true; } |
    while read -r wal; do
      [[ -e $PG_WAL_ARCHIVE/$wal ]] || as_postgres cp --no-clobber "$PG_DATA/pg_wal/$wal" "$NEW_DATA/pg_wal/$wal"
    done
}

# Without a moment to reach, recovery takes the first segment that is missing for the end: what follows would be lost.
refuse_hole() { # BACKUP
  local timeline newest first path missing
  timeline=$(find "$PG_WAL_ARCHIVE" -mindepth 1 -maxdepth 1 -type f -name '????????.history' -printf '%.8f\n' | sort | tail -n 1)
  timeline=${timeline:-00000001}
  newest=$(archived_wal | { grep "^$timeline" || true; } | tail -n 1)
  first=$(start_wal "$1")
  path=$(timelines "${newest:-${timeline}0000000000000000}")
  missing=$(missing_wal "$first" "$path")
  [[ -z $missing ]] ||
    fail "missing WAL: of what follows backup $1 the archive lacks ${missing//$'\n'/, }, or has it in part, and later WAL could not be reached" \
      "choose a newer backup: $(backups | paste -s -d ' '). Or restore to a moment before that WAL, with to-time"
}

stop_container() {
  docker stop --signal INT --time 120 "$CONTAINER" >/dev/null
}

gave_up() { # the server has ended since it was started
  [[ $(docker inspect --format '{{.State.Running}} {{.RestartCount}}' "$CONTAINER") != "true 0" ]]
}

settled() { # recovery has come to an end, good or bad
  gave_up || [[ $(query 'SELECT pg_is_in_recovery()') == f ]]
}

put_data_back() {
  docker logs --tail 20 "$CONTAINER" >&2 || true
  stop_container || true
  if [[ -e $OLD_DATA ]]; then
    rm -rf -- "$PG_DATA"
    mv --no-target-directory "$OLD_DATA" "$PG_DATA"
  fi
  rm -rf -- "$NEW_DATA"
  docker start "$CONTAINER" >/dev/null || true
  echo "The restore failed; the container's last words stand above. The cluster's data are as they were before." >&2
}

restore_cluster() { # BACKUP [MOMENT [TIMELINE]]
  [[ ! -e $OLD_DATA ]] ||
    fail "an earlier restore was interrupted: $OLD_DATA holds the data from before it" "stop the container, then move it back to $PG_DATA, or remove it"
  in_image '' pg_verifybackup --quiet "$BACKUPS_INSIDE/$1/base" </dev/null || fail "the base backup of $1 is damaged" "choose another: $(backups | paste -s -d ' ')"
  [[ ${2-} ]] || refuse_hole "$1"
  need_space "$(dirname "$PG_DATA")" "$(du --summarize --bytes "$PG_BACKUPS/$1/base" | cut -f 1)" "the restore"
  if [[ -e $PG_DATA/PG_VERSION ]]; then
    confirm "The whole cluster will be stopped and replaced by backup $1${2:+ as it went on until $2}."
  fi
  prepare_data "$1" "$(recovery_settings "${@:2}")"
  or_undo put_data_back replace_data
  rm -rf -- "$OLD_DATA"
  echo "The cluster is restored from backup $1${2:+, as it was at $2}. Older backups lead to before this only: make a new one now, $SCRIPTS/backup_database.sh"
}

replace_data() {
  stop_container # a clean end archives the last WAL
  rescue_wal
  sync --file-system "$NEW_DATA"
  [[ ! -e $PG_DATA ]] || mv --no-target-directory "$PG_DATA" "$OLD_DATA"
  mv --no-target-directory "$NEW_DATA" "$PG_DATA"
  docker start "$CONTAINER" >/dev/null
  echo "The cluster recovers from WAL; that takes as long as there is WAL since the backup."
  await "$RECOVERED_WITHIN" "the end of recovery" settled
  if gave_up; then
    exit 1
  fi
  in_postgres psql -X -q -v ON_ERROR_STOP=1 -d postgres <<'SQL' || return 1
ALTER SYSTEM RESET recovery_target_time;
ALTER SYSTEM RESET recovery_target_timeline;
ALTER SYSTEM RESET recovery_target_action;
SQL
}

mode=${1-}
case $mode in
  --help | -h) show_help; exit 0 ;;
  dump | cluster) (($# == 2)) || misuse "$mode takes one thing: the backup" ;;
  to-time) (($# == 3 || $# == 4)) || misuse "to-time takes a backup, a time, and perhaps a timeline" ;;
  '') misuse "what is to be restored?" ;;
  *) misuse "there is no way to restore called '$mode'" ;;
esac
moment='' timeline=${4-}
if [[ $mode == to-time ]]; then
  moment=$(moment_of "$3")
  [[ $timeline =~ ^[1-9][0-9]*$|^$ ]] || misuse "'$timeline' is no timeline. One is: 1"
fi
require_root
lock

backup=$(chosen_backup "$2")
if [[ $mode == dump ]]; then
  restore_dump "$backup"
else
  if [[ $moment ]]; then
    (($(date --date="$moment" +%s) >= $(begun "$backup"))) || fail "backup $backup was begun after $moment" "choose an older one: $(backups | paste -s -d ' ')"
  fi
  restore_cluster "$backup" "$moment" "$timeline"
fi
