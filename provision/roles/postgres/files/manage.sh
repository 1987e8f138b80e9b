#!/usr/bin/env bash
# Start and stop the database server, and see how it is.
#
# usage: manage.sh start | stop | restart | status | logs [LINES]
#
#   start    start it, or restart it if its settings changed; wait until it answers
#   stop     stop it; it stays stopped, over a reboot too, until it is started again
#   restart  stop it and start it, and wait until it answers
#   status   print its state
#   logs     print the last lines of its log, 100 by default
#
# exit status: 0 done; status: it runs and answers. 1 it failed; status: it does not. 2 wrong use
set -euo pipefail
# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/common.sh"

READY_SECONDS=180
CRASHES=3 # after which no one waits any longer

compose() {
  docker compose --project-directory "$POSTGRES_HOME" "$@" 2>&1
}

run_compose() { # ARGS...: print its output only if it fails
  local output
  output=$(compose "$@") || fail "docker compose ${1}: $output"
}

running_since() { docker inspect --format '{{.Id}} {{.State.StartedAt}}' "$CONTAINER" 2>/dev/null || true; }

restarts() { docker inspect --format '{{.RestartCount}}' "$CONTAINER"; }

healthy_or_crashing() { # RESTARTS: those that are no matter of this start
  is_healthy || (($(restarts) >= $1 + CRASHES))
}

await_ready() {
  local before
  before=$(restarts)
  if (await "$READY_SECONDS" "the container $CONTAINER to be healthy" healthy_or_crashing "$before") &&
    is_healthy >/dev/null; then
    return
  fi
  printf '%s: the server does not come up. Its last lines:\n' "${0##*/}" >&2
  docker logs --tail 20 "$CONTAINER" >&2
  exit 1
}

start() {
  local before
  before=$(running_since)
  run_compose up --detach
  await_ready
  if [[ $(running_since) == "$before" ]]; then
    printf '%s was running already\n' "$CONTAINER"
  else
    printf '%s runs and answers at %s:%s\n' "$CONTAINER" "$PG_HOST" "$PG_PORT"
  fi
}

restart() {
  run_compose up --detach
  run_compose restart
  await_ready
  printf '%s runs and answers at %s:%s\n' "$CONTAINER" "$PG_HOST" "$PG_PORT"
}

stop() {
  run_compose stop
  printf '%s is stopped; to start it again: %s start\n' "$CONTAINER" "$0"
}

status() {
  local state
  state=$(health 2>&1) || fail "there is no container $CONTAINER: ${state##*$'\n'}" "$0 start"
  printf '%s: %s\n' "$CONTAINER" "$state"
  docker inspect --format 'image {{.Config.Image}}, started {{.State.StartedAt}}, restarted {{.RestartCount}} times' "$CONTAINER"
  [[ $state == 'running healthy' ]]
}

logs() { # LINES
  [[ $1 =~ ^[1-9][0-9]*$ ]] || misuse "the number of lines is no number: $1"
  docker logs --timestamps --tail "$1" "$CONTAINER" 2>&1
}

case ${1-} in
--help | -h) show_help; exit 0 ;;
start | stop | restart | status) take 1 "$@" ;;
logs) take 2 "$@" ;;
'') misuse "a command is missing: start, stop, restart, status or logs" ;;
*) misuse "there is no command $1, only start, stop, restart, status and logs" ;;
esac
require_root
case $1 in
logs) logs "${2-100}" ;;
*) "$1" ;;
esac
