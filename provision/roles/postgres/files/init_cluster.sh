#!/usr/bin/env bash
# Create an empty database cluster if there is none.
#
# usage: init_cluster.sh
#
# The cluster is created in a separate folder and moved into place, PG_VERSION last: the remains of an attempt that was
# interrupted differ from a cluster, and the next one removes them. Other files are not touched. Prints what it
# did; nothing if there was nothing to do.
#
# exit status: 0 a cluster is there, 1 it cannot be made, 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

take 0 "$@"
require_root

new=$PG_DATA/.new
inside=/var/lib/postgresql/data

clear_leftovers() {
  find "$PG_DATA" -mindepth 1 -maxdepth 1 ! -name .new -exec rm -rf {} +
  rm -rf "$new" # last: it is the sign that nothing here is a cluster
}

# initdb wants a name for its user, which only the host knows; it reads the password from a file that dies with it.
initialise() {
  superuser_password | docker run --rm --interactive --pull never --network none --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --user "$PG_UID:$PG_GID" \
    --volume /etc/passwd:/etc/passwd:ro --volume "$PG_DATA:$inside" --entrypoint sh "$IMAGE" \
    -c 'umask 077 && cat >/tmp/password && exec initdb --pwfile=/tmp/password "$@"' initdb \
    --pgdata="$inside/.new" --username="$PG_SUPERUSER" --auth=scram-sha-256 --data-checksums \
    --encoding=UTF8 --no-locale --locale-provider=builtin --builtin-locale=C.UTF-8
}

if [[ -e $PG_DATA/PG_VERSION ]]; then
  if [[ -d $new ]]; then rmdir "$new"; fi
  exit
fi
[[ -d $PG_DATA ]] || fail "there is no folder $PG_DATA" "apply tasks 1.4.1 and 1.4.2"
if [[ ! -e $new && -n $(ls -A "$PG_DATA") ]]; then
  fail "$PG_DATA holds files, but no database cluster" "find out whose they are; a new cluster needs an empty folder"
fi
clear_leftovers
output=$(initialise 2>&1) || fail "initdb failed: $output"
find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PG_DATA" {} +
sync --file-system "$PG_DATA"
mv "$new/PG_VERSION" "$PG_DATA"
rmdir "$new"
sync --file-system "$PG_DATA"
printf 'made a database cluster in %s\n' "$PG_DATA"
