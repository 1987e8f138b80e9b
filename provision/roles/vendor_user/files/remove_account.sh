#!/bin/bash
# Remove an account that runs nothing any more, with all that belongs to it; print a line for each thing that was done.
#
# usage: remove_account.sh ACCOUNT
set -euo pipefail

account=${1:?usage: remove_account.sh ACCOUNT}
uid=$(id -u "$account" 2>/dev/null || true)
gid=$(getent group "$account" | cut -d: -f3 || true)

# Places whose owners belong to containers or to the kernel, not to accounts of this host.
foreign=(-path /proc -o -path /sys -o -path /dev -o -path /var/lib/docker -o -path /var/lib/containerd)

remove_path() {
  [[ -e $1 || -L $1 ]] || return 0
  rm -rf -- "$1"
  echo "removed $1"
}

# Files elsewhere lose their owner with the account: root takes them, jobs are removed. Before the account goes: its
# numbers are known from nowhere else when this is interrupted and runs again.
hand_over() {
  if [[ -n $uid ]]; then
    find /var/spool/cron -uid "$uid" -type f -print -delete | sed 's/^/removed /'
    find / -ignore_readdir_race '(' "${foreign[@]}" ')' -prune -o -uid "$uid" -exec chown -h root {} + -print |
      sed 's/$/ now belongs to root/'
  fi
  if [[ -n $gid ]]; then
    find / -ignore_readdir_race '(' "${foreign[@]}" ')' -prune -o -gid "$gid" -exec chgrp -h root {} + -print |
      sed 's/$/ now belongs to the group root/'
  fi
}

remove_rules() {
  local file
  while IFS= read -r file; do
    sed -i "/^[[:space:]]*${account}[[:space:]]/d" "$file"
    echo "removed the rules of $account from $file"
    if [[ $file == /etc/sudoers.d/* ]] && ! grep -Eq '^[[:space:]]*([^#[:space:]]|#include|#[0-9])' "$file"; then
      rm -f -- "$file"
      echo "removed $file, which held nothing else"
    fi
  done < <(grep -rlE "^[[:space:]]*${account}[[:space:]]" /etc/sudoers /etc/sudoers.d || true)
}

# System crontabs name the account in the sixth field, or in the second after a word such as @daily.
remove_jobs() {
  local file job
  job="^[[:space:]]*(@[a-z]+|([^#[:space:]]+[[:space:]]+){4}[^#[:space:]]+)[[:space:]]+${account}[[:space:]]"
  while IFS= read -r file; do
    sed -i -E "/$job/d" "$file"
    echo "removed the jobs of $account from $file"
  done < <(grep -rlE "$job" /etc/crontab /etc/cron.d 2>/dev/null || true)
}

home=$(getent passwd "$account" | cut -d: -f6 || true)
remove_rules
remove_jobs
remove_path "${home:-/home/$account}"
remove_path "/var/mail/$account"
remove_path "/var/spool/cron/crontabs/$account"
remove_path "/var/lib/systemd/linger/$account"
hand_over
if [[ -n $uid ]]; then
  userdel "$account" || userdel --force "$account"
  echo "removed the user $account"
fi
if getent group "$account" >/dev/null; then
  groupdel "$account"
  echo "removed the group $account"
fi
