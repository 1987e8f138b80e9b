#!/usr/bin/env bash
# Bring the image of the database server to the container engine: from an archive, or from its registry.
#
# usage: bring_image.sh [ARCHIVE.tar.zst]
#
# With an archive, ARCHIVE.tar.zst.id beside it names the image it holds; it is loaded unless the engine has that one.
# Without, the image is pulled unless the engine has one of its name. Prints what it did; nothing if there was nothing
# to do.
#
# exit status: 0 the image is there, 1 it cannot be had, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

take 1 "$@"
require_root

present() { docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null || true; }

load() { # ARCHIVE
  local wanted
  wanted=$(cat "$1.id") || fail "$1.id cannot be read" "build the image's archive again"
  [[ $(present) != "$wanted" ]] || return 0
  zstd --decompress --stdout "$1" | docker load --quiet >/dev/null || fail "$1 cannot be loaded"
  [[ $(present) == "$wanted" ]] || fail "$1 holds another image than $IMAGE $wanted" "build the archive again"
  printf 'loaded %s from %s\n' "$IMAGE" "$1"
}

pull() {
  [[ -z $(present) ]] || return 0
  docker pull --quiet "$IMAGE" >/dev/null || fail "$IMAGE cannot be pulled" "is the registry reachable from here?"
  printf 'pulled %s\n' "$IMAGE"
}

if (($# == 1)); then load "$1"; else pull; fi
