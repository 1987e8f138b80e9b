#!/usr/bin/env bash
# Store the WireGuard credentials of a target in the file that its inventory names (wireguard_credentials_file).
set -euo pipefail
set +x # a trace would show the keys

usage() {
  cat <<'USAGE'
usage: setup_wg_credentials.sh [--replace] [FILE]

Asks for the private key of this host, the public key of the hub and, if the hub uses one, the
preshared key, and writes them to FILE (by default ~/.config/mail-lab/wireguard.yml), readable by you
only. Secrets are read from the terminal without being shown; if the standard input is no terminal
they are read from it, one a line. They are never arguments, so neither the list of processes nor the
history of the shell sees them.

  --replace  overwrite FILE
  --help     this text

exit status: 0 written, 1 cannot write, 2 usage, 3 not a key, 4 FILE exists
USAGE
}

fail() {
  echo "setup_wg_credentials.sh: $1" >&2
  exit "$2"
}

key='^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'
replace='' file=''
while (($#)); do
  if [[ $1 =~ $key ]]; then
    echo "An argument looks like a key. Others can see arguments: take a new key, and type it when asked." >&2
    usage >&2
    exit 2
  fi
  case $1 in
    --replace) replace=yes ;;
    --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *)
      [[ -z $file ]] || { usage >&2 && exit 2; }
      file=$1
      ;;
  esac
  shift
done
file=${file:-${XDG_CONFIG_HOME:-$HOME/.config}/mail-lab/wireguard.yml}
[[ -z $replace && -e $file ]] && fail "$file exists; --replace overwrites it" 4

ask() { # VARIABLE QUESTION OPTION_OF_READ
  local answer=''
  if [[ -t 0 ]]; then
    # shellcheck disable=SC2086 # the option may be absent
    IFS= read -r $3 -p "$2: " answer || true
    [[ -n $3 ]] && echo >&2
  else
    IFS= read -r answer || true
  fi
  printf -v "$1" %s "$answer"
}

require_key() { # NAME VALUE
  [[ $2 =~ $key ]] || fail "the $1 is not a WireGuard key (44 characters of base64)" 3
}

private_key='' hub_public_key='' preshared_key=''
ask private_key "Private key of this host (not shown)" -s
require_key "private key" "$private_key"
ask hub_public_key "Public key of the hub" ""
require_key "hub's public key" "$hub_public_key"
ask preshared_key "Preshared key (not shown; empty if the hub uses none)" -s
[[ -z $preshared_key ]] || require_key "preshared key" "$preshared_key"
[[ $private_key != "$hub_public_key" ]] || fail "the private key and the hub's public key are the same" 3

umask 077
mkdir -p "$(dirname "$file")" || exit 1
new=$(mktemp "$file.XXXXXX") || exit 1
trap 'rm -f "$new"' EXIT
{
  printf -- '---\n'
  printf 'wireguard_private_key: "%s"\n' "$private_key"
  printf 'wireguard_hub_public_key: "%s"\n' "$hub_public_key"
  [[ -z $preshared_key ]] || printf 'wireguard_preshared_key: "%s"\n' "$preshared_key"
} >"$new"
mv -f "$new" "$file"
echo "Written: $file"
