#!/bin/bash
# Switch disk quotas on for the file system that holds the mail store, or off again.
set -euo pipefail
# shellcheck source=provision/roles/quota/files/common.sh
source "$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")/common.sh"

usage() {
  cat <<TEXT
usage: enable_quotas.sh [--undo] [MOUNTPOINT]

Switch user quotas on for an ext4 file system, now and at every boot. No user has a limit until
set_quota.sh sets one. It can be run again at any time.

  MOUNTPOINT  the file system; by default that of $MAIL_STORE
  --undo      switch quotas off, now and at boot; limits are forgotten

$FSTAB is replaced in one step; the one before it is kept as $FSTAB.before-quotas.
exit status: 0 done, 1 it failed, 2 wrong use
TEXT
}

# The output of the tools matters only if they fail.
quietly() { # COMMAND...
  local output
  output=$("$@" 2>&1) && return
  echo "$output" >&2
  return 1
}

mount_without() { # MOUNTPOINT
  ! is_mounted_so "$1" || quietly mount --options remount,usrjquota= "$1"
}

switch_off() { # MOUNTPOINT
  if is_on "$1"; then
    quietly quotaoff --user "$1" || fail "quotas of $1 cannot be switched off."
  fi
  edit_fstab remove "$1"
  mount_without "$1" || fail "$1 cannot be mounted without quotas." "A reboot does it: $FSTAB has none any more."
  rm -f "$1/aquota.user"
}

switch_on() { # MOUNTPOINT
  local count=(quotacheck --user --no-remount --format=vfsv1) fresh=
  [[ -e $1/aquota.user ]] || fresh=$1/aquota.user
  [[ -z $fresh ]] || count+=(--create-files)
  quietly mount --options "remount,$QUOTA_OPTIONS" "$1" || fail "$1 cannot be mounted with quotas."
  quietly "${count[@]}" "$1" && quietly quotaon --user "$1" && return
  mount_without "$1" || true
  [[ -z $fresh ]] || rm -f "$fresh"
  fail "quotas cannot be switched on for $1." "Check that the kernel supports it: modprobe quota_v2"
}

undo=
named=
while (($#)); do
  case $1 in
    -h | --help)
      usage
      exit
      ;;
    --undo) undo=yes ;;
    -*) misuse "there is no option $1." ;;
    *)
      [[ -z $named ]] || misuse "one mount point at a time."
      named=$1
      ;;
  esac
  shift
done

require_root
place=$(mount_point "$named")
kind=$(column "$place" FSTYPE)
[[ $kind == ext4 ]] || fail "$place is $kind; this script knows the quotas of ext4."

if [[ -n $undo ]]; then
  switch_off "$place"
  echo "Quotas are off for $place."
  exit
fi
is_on "$place" || switch_on "$place"
if is_mounted_so "$place"; then # else they are the file system's own, which needs no options
  edit_fstab add "$place"
  is_on_at_boot "$place" || echo "$place has no entry in $FSTAB: quotas last until it is unmounted." >&2
fi
echo "Quotas are on for $place."
