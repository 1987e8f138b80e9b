#!/usr/bin/env bash
# Task 1.1.1: make the server at Vultr, keep its credentials, and write its addresses for the inventory.
set -euo pipefail
set +x                                   # a trace would show the API key
unset TF_LOG TF_LOG_CORE TF_LOG_PROVIDER # and so would Terraform's log
umask 077

usage() {
  cat <<'USAGE'
usage: VULTR_API_KEY=... deploy.sh [--timeout SECONDS]

Plans, shows the plan, asks, and makes the server that main.tf and terraform.tfvars describe. Writes its addresses
to provision/inventory/group_vars/production/server.yml and its first password to secrets/, for you alone to read.
Run it again at any time: it continues after an interruption, and changes nothing if nothing is to be done. It never
destroys or replaces the server, and there is no option that answers for you.

  --timeout SECONDS  how long Vultr may take for each step (default 1800); what was made by then is kept
  --help             this text

exit status: 0 the server is as described, 1 Terraform or Vultr failed, 2 usage, 3 something is missing here,
4 not confirmed, 5 the plan is refused, 6 out of time or interrupted, 7 the server is not active yet.
After 1, 6 and 7 nothing is lost: run it again.
USAGE
}

say() { echo "deploy.sh: $1" >&2; }

fail() { # STATUS MESSAGE
  say "$2"
  exit "$1"
}

seconds=1800
while (($#)); do
  case $1 in
    --timeout)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2 && exit 2; }
      seconds=$2
      shift
      ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")"
secrets=$PWD/secrets
production=$PWD/../provision/inventory/group_vars/production
[[ -n ${VULTR_API_KEY:-} ]] || fail 3 "VULTR_API_KEY is not set. Nothing was asked of Vultr."
for program in terraform python3; do
  command -v "$program" >/dev/null || fail 3 "$program is not installed. Nothing was asked of Vultr."
done
[[ -e terraform.tfvars ]] || fail 3 "terraform.tfvars is missing: copy terraform.tfvars.example, and set your networks in it."
export VULTR_API_KEY TF_INPUT=0 TF_IN_AUTOMATION=1

mkdir -p "$secrets"
work=$(mktemp -d "$secrets/run.XXXXXX") # the plan holds what the state holds
chmod 0700 "$secrets"
watch=''
clean_up() {
  [[ -z $watch ]] || kill -KILL -- "-$watch" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
find . -maxdepth 1 -name '*.tfstate*' -exec chmod 0600 {} +

explain() { # the error of Vultr or Terraform, for the operator
  if grep -qE 'status\\?": ?401' "$work/said"; then
    say "Vultr refuses the API key in VULTR_API_KEY: wrong, or not allowed from this address (API > Access Control)."
  elif grep -qE 'status\\?": ?429' "$work/said"; then
    say "Vultr asks for patience: too many requests. Wait a minute, and run this again; nothing is lost."
  elif grep -qE 'status\\?": ?5[0-9][0-9]' "$work/said"; then
    say "Vultr's API fails. What was made is in the state: run this again later; nothing is lost."
  elif grep -qE 'no results were found' "$work/said"; then
    say "Vultr offers no image of the name in main.tf any more."
  elif grep -qE 'Instance cannot be destroyed' "$work/said"; then
    fail 5 "the plan would destroy or replace what is never destroyed. Nothing was changed."
  elif grep -qE 'dial tcp|proxyconnect|x509:|TLS handshake|EOF' "$work/said"; then
    say "Vultr's API cannot be reached from here. What was made is in the state: run this again."
  else
    say "Terraform failed; see above. What was made is in the state: run this again after fixing that."
  fi
}

# Terraform gets one interrupt, and time to write its state: a second one would lose it.
child='' gave_up='' kept='What was made is in the state: run this again; nothing is lost.'
give_up() { # REASON
  trap '' INT TERM HUP ALRM
  gave_up=$1
  [[ -n $child ]] || fail 6 "$gave_up. $kept"
  say "$gave_up: stopping, and writing the state"
  kill -INT "$child" 2>/dev/null || true
}
trap 'give_up "interrupted"' INT TERM HUP
trap 'give_up "out of time: Vultr took more than $seconds s"' ALRM

attempt() { # Terraform's arguments; its exit status
  local status=0
  : >"$work/said"
  set -m # a separate process group: a Ctrl-C at the terminal reaches it only through this script
  terraform "$@" 2>"$work/said" &
  child=$!
  { sleep "$seconds" && kill -ALRM $$; } >/dev/null 2>&1 &
  watch=$!
  disown "$watch"
  set +m
  while :; do
    status=0
    wait "$child" || status=$?
    if ((status <= 128)) || ! kill -0 "$child" 2>/dev/null; then break; fi
  done
  kill -KILL -- "-$watch" 2>/dev/null || true # a shell that was forked just now still has our traps for any other
  watch='' child=''
  cat "$work/said" >&2
  [[ -z $gave_up ]] || fail 6 "$gave_up. $kept"
  return "$status"
}

must() { attempt "$@" || { explain && exit 1; }; }

must init -no-color >/dev/null
must validate -no-color >/dev/null

# What was still being made when a run ended counts as broken to Terraform, which would replace it. It is not:
# the next plan reads how it is, and changes what is missing.
if [[ -e terraform.tfstate ]]; then
  must show -json >"$work/state.json"
  python3 review.py unfinished <"$work/state.json" >"$work/unfinished"
  while IFS= read -r resource; do
    say "an earlier run was stopped while it made $resource: continuing with that one"
    must untaint -no-color "$resource" </dev/null >/dev/null
  done <"$work/unfinished"
fi

plan() {
  must plan -no-color -out="$work/plan" >/dev/null </dev/null
  must show -json "$work/plan" >"$work/plan.json"
}

review() { # 0: the plan has something to do, 5: it must not be carried out, 8: it has nothing to do
  python3 review.py plan <"$work/plan.json"
}

# A rule whose answer was lost is at Vultr but not in the state, and Vultr accepts no rule twice.
plan
python3 -B known_rules.py <"$work/plan.json" >"$work/known" ||
  fail 1 "which rules Vultr has could not be seen; see above. Nothing was changed: run this again."
while IFS=$'\t' read -r resource number; do
  say "Vultr has $resource already: taking it over"
  must import -no-color "$resource" "$number" </dev/null >/dev/null
done <"$work/known"
[[ ! -s $work/known ]] || plan

applied='' status=0
review || status=$?
case $status in
  0)
    must show -no-color "$work/plan"
    [[ -t 0 ]] && printf 'Type yes to carry this plan out: '
    IFS= read -r answer || answer=''
    [[ $answer == yes ]] || fail 4 "not confirmed. Nothing was changed."
    must apply -no-color "$work/plan" </dev/null
    applied=yes
    ;;
  5) exit 5 ;;
  8) echo "Nothing is to be done: the server is as described." ;;
  *) fail 1 "the plan cannot be read; see above. Nothing was changed." ;;
esac

output() { terraform output -no-color -raw "$1" 2>/dev/null || true; }

keep() { # FILE, its text on the standard input; whole or not at all
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  chmod 0600 "$new"
  mv -f "$new" "$1"
}

# A run after an interruption can find the server still being made.
deadline=$((SECONDS + seconds))
until now=$(output status) && [[ $now == active ]]; do
  [[ $now =~ ^[a-z]+$ ]] || fail 1 "Terraform's state knows no server, although nothing failed."
  ((SECONDS < deadline)) || fail 7 "the server is there, but '$now' after $seconds s. Run this again later."
  sleep 2
  must apply -no-color -refresh-only -auto-approve >/dev/null </dev/null
done
address=$(output address) address6=$(output address6) password=$(output root_password)
keep "$secrets/address" <<<"$address"
[[ -z $password ]] || keep "$secrets/root_password" <<<"$password"
mkdir -p "$production"
keep "$production/server.yml" <<YAML
---
# Written by terraform/deploy.sh.
public_address: $address
public_address6: "$address6"
YAML

# Check Vultr again: a lost answer can have made a second server.
if [[ -n $applied ]]; then
  plan
  status=0
  review || status=$?
  ((status == 8)) || fail 5 "the server is there, but not as described. See the messages above, and run this again."
fi
echo "The server has $address and $address6, written to provision/inventory/group_vars/production/server.yml."
echo "The first password of root is in $secrets/root_password."
