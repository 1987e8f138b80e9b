#!/usr/bin/env bash
# Print the password of the database's superuser.
#
# usage: get_password.sh
#
# exit status: 0 printed, 1 there is none to print (why, on stderr), 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

take 0 "$@"
require_root
superuser_password
