#!/bin/bash
# What the scripts for backups share; they source it. A backup is one folder, named after the moment it was begun, in UTC:
#   mail.dump        the database, in pg_dump's custom format
#   counts           its rows by table, counted in the very snapshot of the dump
#   globals.sql      roles, with the verifiers of their passwords
#   base/            the whole cluster, with PostgreSQL's own manifest
#   MANIFEST.sha256  sums of the files above and of that manifest
# A folder whose name begins with a dot is work that was not finished.
set -euo pipefail
SCRIPTS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly SCRIPTS
# shellcheck source=/dev/null
source "$SCRIPTS/common.sh"
# shellcheck source=/dev/null
source "$SCRIPTS/backups_settings.sh"

# shellcheck disable=SC2034 # used by those who source this
readonly MAKE_ONE="Make a new one: $SCRIPTS/backup_database.sh"
# shellcheck disable=SC2034 # used by those who source this
readonly BACKUPS_INSIDE=/backups ARCHIVE_INSIDE=/wal_archive # as the container sees them
readonly SEGMENTS_PER_LOG=256 SEGMENT_BYTES=16777216        # of WAL files: their numbering and size

# A statement for psql that counts the rows of every table.
# shellcheck disable=SC2034 # used by those who source this
readonly COUNT_ROWS="SELECT format('SELECT %L, count(*) FROM %I.%I', nspname || '.' || relname, nspname, relname)
  FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
 WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')
 ORDER BY nspname, relname \\gexec"

lock() { # one backup, restore, clean-up or verification at a time
  local descriptor file=$POSTGRES_HOME/.backups.lock
  (umask 077 && : >>"$file" && chmod 0600 "$file") # who can read it can lock it
  exec {descriptor}>>"$file"
  flock --nonblock "$descriptor" ||
    fail "another backup, restore, clean-up or verification is at work" "wait until it has ended"
}

as_postgres() { # root touches nothing in folders that the database's account can write in
  (cd / && exec setpriv --reuid="$PG_UID" --regid="$PG_GID" --clear-groups -- "$@") # root's own folder is closed to it
}

query() { # STATEMENTS, in the database postgres, each a separate transaction
  in_postgres psql -X -q -A -t -v ON_ERROR_STOP=1 -d postgres "${@/#/--command=}" </dev/null || return 1
}

in_image() { # FOLDER PROGRAM ARGUMENTS...: in a separate container, without network; FOLDER, if any, is its /scratch
  docker run --rm -i --pull never --network none --user "$PG_UID:$PG_GID" --memory 512m --cpus 1 --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --volume /etc/passwd:/etc/passwd:ro \
    --volume "$PG_BACKUPS:$BACKUPS_INSIDE:ro" ${1:+--volume "$1:/scratch"} --entrypoint "$2" "$IMAGE" "${@:3}"
}

backups() { # names of the finished backups, oldest first
  find "$PG_BACKUPS" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | grep -Ex '[0-9]{8}T[0-9]{6}Z' | sort || true
}

begun() { # BACKUP: seconds since 1970
  date --utc --date="${1:0:8} ${1:9:2}:${1:11:2}:${1:13:2}" +%s
}

damaged_files() { # BACKUP: names of files that changed since they were written; status 1 if there are any
  local damaged
  # shellcheck disable=SC2016 # expanded by the inner shell
  damaged=$(as_postgres sh -c 'cd "$1" && sha256sum --quiet --strict --check MANIFEST.sha256 2>/dev/null' sh "$PG_BACKUPS/$1") && return
  damaged=$(grep -o '^[^:]*' <<<"$damaged" | paste -s -d ' ')
  echo "${damaged:-MANIFEST.sha256}"
  return 1
}

start_wal() { # BACKUP: name of the first WAL segment that its base backup needs
  sed -n 's/^START WAL LOCATION: .* (file \([0-9A-F]\{24\}\))$/\1/p' "$PG_BACKUPS/$1/base/backup_label" | grep . ||
    fail "backup $1 does not record where its WAL begins: base/backup_label is damaged" "move $PG_BACKUPS/$1 elsewhere, then make a new backup"
}

segment_number() { # WAL SEGMENT: its place in the sequence, on any timeline
  echo $((16#${1:8:8} * SEGMENTS_PER_LOG + 16#${1:16:8}))
}

archived_wal() { # names of the WAL segments that the archive has whole, in order
  find "$PG_WAL_ARCHIVE" -mindepth 1 -maxdepth 1 -type f -size "${SEGMENT_BYTES}c" -printf '%f\n' | grep -Ex '[0-9A-F]{24}' | sort || true
}

timelines() { # LAST SEGMENT: the timelines that lead to it, oldest first, each with the segment that the next one begins in
  local history=$PG_WAL_ARCHIVE/${1:0:8}.history parent point
  if [[ ${1:0:8} != 00000001 ]]; then
    [[ -e $history ]] || fail "missing WAL: the archive lacks ${history##*/}, the way from before the last restore to now" "$MAKE_ONE"
    while read -r parent point _; do
      echo "$(printf %08X "$parent") $((16#${point%/*} * SEGMENTS_PER_LOG + (16#${point#*/} >> 24)))"
    done < <(grep -E '^[0-9]' "$history")
  fi
  echo "${1:0:8} $(($(segment_number "$1") + 1))"
}

leads_on() { # FIRST PATH: whether the timelines of the path pass the segment
  local timeline end
  while read -r timeline end; do
    [[ $timeline != "${1:0:8}" ]] || (($(segment_number "$1") > end)) || return 0
  done <<<"$2"
  return 1
}

needed_wal() { # FIRST PATH: the segments from the first to the end of the path
  local number timeline end
  number=$(segment_number "$1")
  while read -r timeline end; do
    [[ ! $timeline < ${1:0:8} ]] || continue
    for (( ; number < end; number++)); do
      printf '%s%08X%08X\n' "$timeline" $((number / SEGMENTS_PER_LOG)) $((number % SEGMENTS_PER_LOG))
    done
  done <<<"$2"
}

missing_wal() { # FIRST PATH: segments on the way that the archive has not, or not whole
  comm -23 <(needed_wal "$1" "$2" | sort) <(archived_wal)
}

need_space() { # FOLDER BYTES WHAT FOR
  local free
  free=$(df --output=avail --block-size=1 "$1" | tail -n 1)
  ((free >= $2)) ||
    fail "too little space in $1: $3 needs $(($2 >> 20)) MiB, $((free >> 20)) MiB are free" "make room or enlarge the disk; old backups and WAL stay until cleanup_old_backups.sh removes them"
}
