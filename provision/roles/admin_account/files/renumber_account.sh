#!/bin/bash
# Give an account and its group a number, and all of its files with it; print a line for each thing that was done.
#
# The account may be logged in: usermod refuses then, so the entries are changed through vipw and vigr, which lock the
# databases and replace them in one step. Nothing to print means that all was right.
#
# usage: renumber_account.sh ACCOUNT NUMBER
set -euo pipefail

account=${1:?usage: renumber_account.sh ACCOUNT NUMBER}
number=${2:?usage: renumber_account.sh ACCOUNT NUMBER}
# UID and GID from before, for as long as files may have them: who is interrupted goes on from here.
unfinished=/var/lib/misc/renumbering.$account

IFS=: read -r _ _ uid gid _ home _ < <(getent passwd "$account")
group=$(getent group "$gid" | cut -d: -f1)

holder=$(getent passwd "$number" | cut -d: -f1 || true)
if [[ -n $holder && $holder != "$account" ]]; then
  echo "UID $number belongs to $holder: remove that account or give it another number first" >&2
  exit 1
fi
holder=$(getent group "$number" | cut -d: -f1 || true)
if [[ -n $holder && $holder != "$account" ]]; then
  echo "GID $number belongs to the group $holder: remove it or give it another number first" >&2
  exit 1
fi

edit() { # COMMAND EXPRESSION
  VISUAL="sed -i -E '$2'" "$1" >/dev/null
}

if [[ $group != "$account" ]]; then
  getent group "$account" >/dev/null || groupadd --gid "$number" "$account"
  echo "the group of $account is its own instead of $group"
fi
own_gid=$(getent group "$account" | cut -d: -f3)
if [[ ! -e $unfinished ]] && [[ $uid != "$number" || $own_gid != "$number" ]]; then
  (umask 077 && echo "$uid $own_gid" >"$unfinished.new" && sync "$unfinished.new" && mv "$unfinished.new" "$unfinished")
fi
if [[ $own_gid != "$number" ]]; then
  edit vigr "s/^($account:[^:]*):$own_gid:/\1:$number:/"
  echo "the group $account has GID $number instead of $own_gid"
fi
if [[ $uid != "$number" || $gid != "$number" ]]; then
  edit vipw "s/^($account:[^:]*):$uid:$gid:/\1:$number:$number:/"
  echo "$account has UID:GID $number:$number instead of $uid:$gid"
fi

IFS=: read -r _ _ new_uid new_gid _ < <(getent passwd "$account")
if [[ $new_uid:$new_gid != "$number:$number" ]]; then
  echo "$account has UID:GID $new_uid:$new_gid, although it should have changed" >&2
  exit 1
fi

# The home first: sshd reads the keys there.
find "$home" '(' '!' -uid "$number" -o '!' -gid "$number" ')' -exec chown -h "$number:$number" {} + -print |
  sed 's/$/ has the new owner/'
if [[ -e $unfinished ]]; then
  read -r old_uid old_gid <"$unfinished"
  foreign=(-path /proc -o -path /sys -o -path /dev -o -path /run/user -o -path /var/lib/docker -o -path /var/lib/containerd)
  if [[ $old_uid != "$number" ]]; then
    find / -ignore_readdir_race '(' "${foreign[@]}" ')' -prune -o -uid "$old_uid" -exec chown -h "$number" {} + -print | sed 's/$/ has the new owner/'
  fi
  if [[ $old_gid != "$number" ]]; then
    find / -ignore_readdir_race '(' "${foreign[@]}" ')' -prune -o -gid "$old_gid" -exec chgrp -h "$number" {} + -print | sed 's/$/ has the new group/'
  fi
  rm "$unfinished"
fi
