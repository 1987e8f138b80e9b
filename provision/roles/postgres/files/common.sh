# shellcheck shell=bash
# What the scripts of the database server share. They source it first:
#
#   set -euo pipefail
#   . "${BASH_SOURCE[0]%/*}/common.sh"

# shellcheck source=/dev/null
. "${BASH_SOURCE[0]%/*}/settings.sh"

# The image in use; none before use_image.sh has brought the first one.
readonly IMAGE_FILE=$POSTGRES_HOME/docker-compose.override.yml
IMAGE=$(sed -n 's/^    image: //p' "$IMAGE_FILE" 2>/dev/null || true)
# shellcheck disable=SC2034 # used by those who source this
readonly IMAGE

# fail MESSAGE [CURE]: say what happened and what to do, and end with status 1.
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  if [[ -n ${2-} ]]; then printf '  -> %s\n' "$2" >&2; fi
  exit 1
}

# misuse MESSAGE: say how the call was wrong, and end with status 2.
misuse() {
  printf '%s: %s\n  -> %s --help\n' "${0##*/}" "$1" "$0" >&2
  exit 2
}

# show_help: print the comment at the head of the script, which is its help.
show_help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# take NUMBER ARGS...: show the help on request; exit with status 2 if there are more arguments.
take() {
  case ${2-} in
    --help | -h) show_help; exit 0 ;;
  esac
  (($# - 1 <= $1)) || misuse "too many arguments: ${*:2}"
}

require_root() {
  ((EUID == 0)) || fail "this needs root" "sudo $0"
}

# superuser_password: print it; its file is read by the shell itself, so that no argument list ever holds it.
superuser_password() {
  local line
  [[ -r $POSTGRES_HOME/.env ]] || fail "$POSTGRES_HOME/.env cannot be read" "${BASH_SOURCE[0]%/*}/setup_credentials.sh"
  while IFS= read -r line; do
    if [[ $line == POSTGRES_PASSWORD=?* ]]; then
      printf '%s\n' "${line#*=}"
      return 0
    fi
  done <"$POSTGRES_HOME/.env"
  fail "$POSTGRES_HOME/.env holds no POSTGRES_PASSWORD" "${BASH_SOURCE[0]%/*}/setup_credentials.sh"
}

# in_postgres PROGRAM ARGS...: run a client in the container as the superuser. It reads our standard input.
in_postgres() {
  local password
  password=$(superuser_password) || return
  PGPASSWORD=$password docker exec -i --env PGPASSWORD --env PGHOST="$PG_HOST" --env PGPORT="$PG_PORT" \
    --env PGUSER="$PG_SUPERUSER" --env PGCONNECT_TIMEOUT=10 "$CONTAINER" "$@"
}

# await SECONDS DESCRIPTION COMMAND...: repeat a command until it succeeds; if it never does, print its last output.
await() {
  local deadline=$((SECONDS + $1)) seconds=$1 what=$2 last
  shift 2
  until last=$("$@" 2>&1 </dev/null); do
    ((SECONDS < deadline)) || fail "waited $seconds s for $what; the last thing seen was: ${last:-nothing}"
    sleep 0.2
  done
}

# health: print "running healthy", or another state that the engine reports for the container.
health() {
  docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$CONTAINER"
}

is_healthy() {
  local state
  state=$(health) || return
  printf '%s\n' "$state"
  [[ $state == 'running healthy' ]]
}

# await_healthy [SECONDS]: wait until the server answers its health check.
await_healthy() {
  await "${1:-90}" "the container $CONTAINER to be healthy" is_healthy
}
