#!/usr/bin/env bash
# Have the database server run an image, and go back to the one before if the server does not work with it.
#
# usage: use_image.sh IMAGE [ARCHIVE.tar.zst]
#
# IMAGE is NAME:TAG@sha256:DIGEST, and is pulled from its registry unless the engine has it. With an archive it is a plain
# name, and ARCHIVE.tar.zst.id beside the archive names the image that it holds.
#
# If there is a database already, the new image has to be of its major version, a backup is made, and the server is
# started with the image and has to answer; if it does not, it is started with the old image again. What was interrupted
# is settled by running this again. Prints what it did; nothing if there was nothing to do.
#
# exit status: 0 the image is in use, 1 it is not: what was in use still is. 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

readonly NEEDED_MIB=1024 # an image, packed and unpacked
readonly BEFORE=$POSTGRES_HOME/.image_before # while another image is tried: the one to go back to
readonly SCRIPTS=$POSTGRES_HOME/scripts

id_of() { # IMAGE: its id; nothing if the engine does not have it
  docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true
}

load() { # ARCHIVE
  local id
  id=$(cat "$1.id") || fail "$1.id cannot be read" "build the image's archive again"
  [[ $(id_of "$wanted") != "$id" ]] || return 0
  zstd --decompress --stdout "$1" | docker load --quiet >/dev/null || fail "$1 cannot be loaded"
  [[ $(id_of "$wanted") == "$id" ]] || fail "$1 holds another image than $wanted $id" "build the archive again"
  printf 'loaded %s from %s\n' "$wanted" "$1"
}

pull() {
  local root free output
  [[ -z $(id_of "$wanted") ]] || return 0
  root=$(docker info --format '{{.DockerRootDir}}')
  free=$(df --output=avail --block-size=M "$root" | tail -n 1)
  ((${free%M} >= NEEDED_MIB)) ||
    fail "too little space in $root: an image needs $NEEDED_MIB MiB, ${free%M} MiB are free" "make room or enlarge the disk"
  output=$(docker pull --quiet "$wanted" 2>&1) ||
    fail "$wanted cannot be pulled: ${output##*$'\n'}" "is the registry reachable from here, and does it have this digest?"
  printf 'pulled %s\n' "$wanted"
}

write() { # IMAGE: note it for docker compose and for the scripts
  local new=$IMAGE_FILE.new
  printf '%s\n' '# The image in use. scripts/use_image.sh writes this.' services: '  postgres:' "    image: $1" >"$new"
  chmod 0644 "$new"
  sync "$new"
  mv "$new" "$IMAGE_FILE"
}

discard() {
  docker image rm "$wanted" >/dev/null 2>&1 || true # its layers may belong to another image, too
}

must_fit() { # the image has to run PostgreSQL of the database's major version
  local cluster said
  cluster=$(<"$PG_DATA/PG_VERSION")
  said=$(docker run --rm --pull never --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
    --user "$PG_UID:$PG_GID" --entrypoint postgres "$wanted" --version 2>&1) || {
    discard
    fail "$wanted does not run PostgreSQL: ${said##*$'\n'}" "nothing was changed"
  }
  [[ $said == "postgres (PostgreSQL) $cluster"[!0-9]* ]] || {
    discard
    fail "$wanted has $said, but the database is of version $cluster" "another major version needs a dump and a restore"
  }
}

works() { # print the first complaint; the status is its
  "$SCRIPTS/manage.sh" start && "$SCRIPTS/test_connection.sh" || return 1
  [[ ! -x $SCRIPTS/verify_database.sh ]] || "$SCRIPTS/verify_database.sh"
}

replace() { # IMAGE IN USE
  local output
  must_fit
  if [[ -x $SCRIPTS/backup_database.sh ]]; then
    output=$("$SCRIPTS/backup_database.sh" 2>&1) || {
      discard
      fail "without a backup the image is not replaced: $output" "$SCRIPTS/manage.sh status"
    }
  fi
  printf '%s\n' "$1" >"$BEFORE"
  write "$wanted"
  if output=$(works 2>&1); then
    rm "$BEFORE"
    docker image rm "$1" >/dev/null 2>&1 || true
    printf 'replaced %s by %s\n' "$1" "$wanted"
  else
    write "$1"
    "$SCRIPTS/manage.sh" start >/dev/null
    rm "$BEFORE"
    discard
    fail "the server does not work with $wanted, and runs $1 again. With the new image: $output" "report it with those lines"
  fi
}

take 2 "$@"
[[ -n ${1-} ]] || misuse "the image is missing"
require_root
wanted=$1
if (($# == 2)); then
  load "$2"
else
  [[ $wanted == *@sha256:* ]] || misuse "$wanted is not pinned: NAME:TAG@sha256:DIGEST"
  pull
fi
used=$IMAGE
if [[ -f $BEFORE ]]; then used=$(<"$BEFORE"); fi
if [[ $used == "$wanted" ]]; then
  [[ $IMAGE == "$wanted" ]] || write "$wanted"
  rm -f "$BEFORE"
elif (($# == 2)) || [[ -z $used || ! -e $PG_DATA/PG_VERSION ]]; then
  write "$wanted"
  printf 'uses %s\n' "$wanted"
else
  replace "$used"
fi
