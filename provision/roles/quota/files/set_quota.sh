#!/bin/bash
# Limit how much of a file system a user may fill.
set -euo pipefail
# shellcheck source=provision/roles/quota/files/common.sh
source "$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")/common.sh"

usage() {
  cat <<TEXT
usage: set_quota.sh USER SOFT HARD [MOUNTPOINT]

Limit how much of a file system a user may fill. Past SOFT the user has seven days to clear up,
HARD is never passed. Quotas have to be on (enable_quotas.sh).

  USER        an account of this host, such as vmail, who owns all mailboxes
  SOFT, HARD  sizes such as 900M or 40G (K, M, G, T: powers of 1024); 0 means no limit
  MOUNTPOINT  the file system; by default that of $MAIL_STORE

exit status: 0 done, 1 it failed, 2 wrong use
TEXT
}

bytes() { # SIZE
  [[ $1 =~ ^(0|[1-9][0-9]*[KMGT])$ ]] || misuse "$1 is no size: it takes a number with K, M, G or T, or 0."
  numfmt --from=iec "$1"
}

case ${1:-} in
  -h | --help)
    usage
    exit
    ;;
  -*) misuse "there is no option $1." ;;
esac
(($# == 3 || $# == 4)) || misuse "it takes a user and two sizes."
user=$1
id --user "$user" >/dev/null 2>&1 || misuse "there is no user $user."
soft=$(bytes "$2")
hard=$(bytes "$3")
((hard == 0 || soft <= hard)) || misuse "the soft limit $2 is above the hard limit $3."

require_root
place=$(mount_point "${4:-}")
is_on "$place" || fail "quotas are off for $place." "Switch them on first: enable_quotas.sh $place"
setquota --user "$user" "$2" "$3" 0 0 "$place"
echo "$user may fill $2 (soft) and $3 (hard) of $place."
