#!/bin/bash
# Make folders that are missing, as root's and readable for everybody; print a line for each that was made.
#
# A folder that is there keeps its owner, its mode and its content.
#
# usage: create_folders.sh FOLDER...
set -euo pipefail

for folder in "$@"; do
  [[ -d $folder ]] && continue
  if [[ -e $folder || -L $folder ]]; then
    echo "$folder is there and is no folder: move it away" >&2
    exit 1
  fi
  # Five digits: fewer would keep the set-group-ID bit that a folder inherits from /var/mail.
  install --directory --owner=root --group=root --mode=00755 "$folder"
  echo "made $folder"
done
