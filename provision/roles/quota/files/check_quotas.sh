#!/bin/bash
# Tell whether disk quotas are on, and who uses how much.
set -euo pipefail
# shellcheck source=provision/roles/quota/files/common.sh
source "$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")/common.sh"

usage() {
  cat <<TEXT
usage: check_quotas.sh [MOUNTPOINT]

Tell whether user quotas are on, now and at the next boot, and who uses how much of which limit.

  MOUNTPOINT  the file system; by default that of $MAIL_STORE

exit status: 0 quotas are on, 3 they are off, 1 it failed, 2 wrong use
TEXT
}

case ${1:-} in
  -h | --help)
    usage
    exit
    ;;
  -*) misuse "there is no option $1." ;;
esac
(($# <= 1)) || misuse "one mount point at a time."

require_root
place=$(mount_point "${1:-}")
echo "file system  $(column "$place" SOURCE) on $place ($(column "$place" FSTYPE))"
echo "at boot      $(is_on_at_boot "$place" && echo on || echo off)"
if is_on "$place"; then
  echo "now          on"
  repquota --user --human-readable "$place"
else
  echo "now          off (enable_quotas.sh switches them on)"
  exit 3
fi
