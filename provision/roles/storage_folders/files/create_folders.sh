#!/bin/bash
# Make the missing folders, owned by root and readable by everyone; print a line for each that was made.
#
# An existing folder keeps its owner, its mode and its content.
#
# usage: create_folders.sh FOLDER...
set -euo pipefail

for folder in "$@"; do
  [[ -d $folder ]] && continue
  if [[ -e $folder || -L $folder ]]; then
    echo "$folder exists and is not a folder: move it away" >&2
    exit 1
  fi
  # Five digits: fewer would keep the set-group-ID bit that a folder inherits from /var/mail.
  install --directory --owner=root --group=root --mode=00755 "$folder"
  echo "made $folder"
done
