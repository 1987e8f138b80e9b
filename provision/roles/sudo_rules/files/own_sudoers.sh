#!/bin/bash
# Give every sudoers file to root:root with mode 0440; print the ones that were not.
set -euo pipefail

find /etc/sudoers /etc/sudoers.d -type f '(' '!' -user root -o '!' -group root -o '!' -perm 0440 ')' \
  -exec chown root:root {} + -exec chmod 0440 {} + -print
