#!/usr/bin/env bash
# Note the SSH key of a target's host, after a person has compared it with the one that the host's own console shows.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: confirm_host_key.sh [--known-hosts FILE] [--ssh-config FILE] TARGET [HOST]

Shows the fingerprint of the key with which the host of provision/inventory/TARGET.yml answers, and asks for the end of
the one that the host's console shows. If both are the same, the key is noted in known_hosts under the name TARGET, for
all addresses and ports of this host. Nothing is noted otherwise, and a key that is known is never replaced. A host that
is provisioned already counts each run as a login that failed, and bans whoever has three of them in ten minutes.

  HOST                a host of the inventory that is not called mail; its key is noted under this name
  --known-hosts FILE  where keys are noted (default: where ssh looks for them)
  --ssh-config FILE   ssh's settings (default: those that the inventory names, else your own)
  --help              this text

exit status: 0 the key is noted, or was, 1 the host does not answer, 2 usage, 3 something is missing here,
4 not confirmed, 5 another key is known
USAGE
}

say() { echo "confirm_host_key.sh: $1" >&2; }

fail() { # STATUS MESSAGE
  say "$2"
  exit "$1"
}

known='' config=''
while (($#)); do
  case $1 in
    --help) usage && exit 0 ;;
    --known-hosts)
      [[ -n ${2:-} ]] || { usage >&2 && exit 2; }
      known=$2
      shift
      ;;
    --ssh-config)
      [[ -n ${2:-} ]] || { usage >&2 && exit 2; }
      config=$2
      shift
      ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
  esac
  shift
done
(($# == 1 || $# == 2)) || { usage >&2 && exit 2; }
inventory_name=$1 host=${2:-mail} target=${2:-$1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
inventory=$here/inventory/$inventory_name.yml
[[ -e $inventory ]] || fail 3 "there is no inventory $inventory"
PATH=$PATH:$here/../.venv/bin
for program in ansible-inventory python3 ssh ssh-keygen; do
  command -v "$program" >/dev/null || fail 3 "$program is not installed"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ANSIBLE_CONFIG=$here/ansible.cfg ansible-inventory -i "$inventory" --host "$host" >"$work/variables" ||
  fail 3 "the inventory cannot be read; see above"
value() { # NAME
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2]) or "")' "$work/variables" "$1"
}

settings=(-o "HostKeyAlias=$target")
if [[ -z $config ]]; then
  config=$(value ssh_config_file)
  config=${config/#\~/$HOME}
  [[ -z $config || $config == /* ]] || config=$here/../$config
fi
[[ -z $config ]] || settings=(-F "$config" "${settings[@]}")
[[ -n $known ]] || known=$(ssh "${settings[@]}" -G "$(value vpn_address)" | sed -n 's/^userknownhostsfile \([^ ]*\).*/\1/p')
known=${known/#\~/$HOME}

fingerprint() { # FILE of lines as in known_hosts
  ssh-keygen -l -f "$1" 2>/dev/null | sed -n 's/^[0-9]* \(SHA256:[^ ]*\) .*(\(.*\))$/\2 \1/p' | sort -u
}

# No login is tried, as each one that fails counts against the operator: ssh shows the host's key to a command, which knows
# none, and ends there.
cat >"$work/note" <<NOTE
#!/bin/sh
[ "\$1" = NONE ] || echo "$target \$1 \$2" >"$work/seen"
NOTE
chmod 0700 "$work/note"
seen='' why=''
for way in "$(value vpn_address) $(value ssh_port)" "$(value public_address) $(value ssh_port)" \
  "$(value public_address) $(value ssh_port_fresh)"; do
  read -r address port <<<"$way"
  [[ -n ${port:-} ]] || continue # an address that is not known yet
  ssh "${settings[@]}" -o UserKnownHostsFile=none -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes \
    -o KnownHostsCommand="$work/note %t %K" -o HostKeyAlgorithms=ssh-ed25519 -o BatchMode=yes -o ControlPath=none \
    -o ConnectTimeout=15 -p "$port" "$address" true </dev/null >/dev/null 2>"$work/said" || true
  if [[ -s $work/seen ]]; then
    seen="$address, port $port"
    break
  fi
  why+="  $address, port $port: $(tail -n 1 "$work/said")"$'\n'
done
[[ -n $seen ]] || fail 1 "the host of $target does not answer:"$'\n'"$why"
now=$(fingerprint "$work/seen")

if ssh-keygen -F "$target" -f "$known" >"$work/noted" 2>/dev/null; then
  before=$(fingerprint "$work/noted")
  if grep -qxF "$now" <<<"$before"; then
    echo "The key of $target is known: $now"
    exit 0
  fi
  fail 5 "the host at $seen answers with another key than the one that is known for $target.
  known  $before
  now    $now
Find out why before you trust it. If the host was made anew: ssh-keygen -R $target -f $known, and run this again."
fi

cat <<TEXT
The host at $seen answers with the key
  $now
Compare it with what the host itself has. In the host's console (for Vultr: portal, the server, View Console) log in, and run
  ssh-keygen -l -f /etc/ssh/ssh_host_$(tr '[:upper:]' '[:lower:]' <<<"${now%% *}")_key.pub
TEXT
[[ -t 0 ]] && printf 'Type the last 8 characters of the fingerprint that the console shows: '
IFS= read -r answer || answer=''
[[ -n $answer && $answer == "${now: -8}" ]] || fail 4 "that is not the end of this key's fingerprint. Nothing was noted."
mkdir -p "$(dirname "$known")"
cat "$work/seen" >>"$known"
echo "The key of $target is noted in $known."
