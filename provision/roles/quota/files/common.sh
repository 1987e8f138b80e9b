# Sourced by the quota scripts: how they speak, and what they ask about a file system.
# shellcheck shell=bash
export LC_ALL=C
folder=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
# shellcheck source=/dev/null
source "$folder/settings.sh"

# Kept in the journal of the file system: after a power cut nothing has to be counted again.
QUOTA_OPTIONS=usrjquota=aquota.user,jqfmt=vfsv1
FSTAB=${LIBMOUNT_FSTAB:-/etc/fstab} # the same file that mount and findmnt read

fail() { # MESSAGE [CURE]
  echo "${0##*/}: $1" >&2
  [[ -z ${2:-} ]] || echo "  $2" >&2
  exit 1
}

misuse() { # MESSAGE
  echo "${0##*/}: $1" >&2
  echo "  ${0##*/} --help shows the usage." >&2
  exit 2
}

require_root() {
  [[ $EUID -eq 0 ]] || fail "only root may do this." "Run it with sudo."
}

# The mount point that is meant: the one that was named, or the one that holds the mail store.
mount_point() { # [MOUNTPOINT]
  if [[ -z ${1:-} ]]; then
    findmnt --noheadings --first-only --output TARGET --target "$MAIL_STORE" ||
      fail "$MAIL_STORE is not there." "Apply task 1.4.1 first."
  elif mountpoint --quiet "$1"; then
    realpath -- "$1"
  else
    misuse "$1 is no mount point."
  fi
}

column() { # MOUNTPOINT COLUMN
  findmnt --noheadings --first-only --output "$2" --mountpoint "$1"
}

is_on() { # MOUNTPOINT
  [[ $(quotaon --print-state --user "$1" 2>/dev/null) == *" is on"* ]]
}

asks_for_quotas() { # OPTIONS
  [[ $1 =~ (^|,)(usrquota|usrjquota=[^,]+)(,|$) ]]
}

is_mounted_so() { # MOUNTPOINT
  asks_for_quotas "$(column "$1" OPTIONS)"
}

is_on_at_boot() { # MOUNTPOINT
  asks_for_quotas "$(findmnt --fstab --noheadings --first-only --output OPTIONS --mountpoint "$1")"
}

# Change the options of a mount point's entry in fstab, and nothing else in the file.
edit_fstab() { # add|remove MOUNTPOINT
  local entry='^([[:space:]]*[^#[:space:]][^[:space:]]*[[:space:]]+([^[:space:]]+)[[:space:]]+[^[:space:]]+[[:space:]]+)([^[:space:]]+)(.*)$'
  local line options new
  new=$(mktemp "$FSTAB.XXXXXX")
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ $entry && ${BASH_REMATCH[2]} == "$2" ]]; then
      options=,${BASH_REMATCH[3]},
      options=${options/,$QUOTA_OPTIONS,/,}
      [[ $1 == remove ]] || options+=$QUOTA_OPTIONS,
      options=${options#,}
      options=${options%,}
      line=${BASH_REMATCH[1]}${options:-defaults}${BASH_REMATCH[4]}
    fi
    printf '%s\n' "$line"
  done <"$FSTAB" >"$new"
  if cmp --quiet "$FSTAB" "$new"; then
    rm "$new"
    return
  fi
  chmod --reference="$FSTAB" "$new"
  chown --reference="$FSTAB" "$new"
  cp --preserve=all "$FSTAB" "$FSTAB.before-quotas"
  sync "$new"
  mv "$new" "$FSTAB"
}
