#!/usr/bin/env bash
# Task 1.1.1: make the server at Vultr, keep its credentials, and write its addresses for the inventory.
set -euo pipefail
set +x                                   # a trace would show the API key
unset TF_LOG TF_LOG_CORE TF_LOG_PROVIDER # and so would Terraform's log
umask 077

usage() {
  cat <<'USAGE'
usage: VULTR_API_KEY=... deploy.sh [--timeout SECONDS]
       VULTR_API_KEY=... deploy.sh [--timeout SECONDS] adopt ID

Plans, shows the plan, asks, and makes the server that main.tf and terraform.tfvars describe. Writes its addresses
to provision/inventory/group_vars/production/server.yml and its first password to secrets/, for you alone to read.
Run it again at any time: it continues after an interruption, and changes nothing if nothing is to be done. It never
destroys or replaces the server, and there is no option that answers for you.

With adopt it takes over a server that exists, made in Vultr's portal or by a run whose state is lost: it takes label,
region, size, host name and user of that server as they are, shows what else differs, and what its firewall shuts out.

  ID                 the server's id, as the portal has it in the address of the server's page
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

seconds=1800 adopt=''
while (($#)); do
  case $1 in
    adopt)
      [[ ${2:-} =~ ^[0-9a-f-]{36}$ && -z $adopt ]] || { usage >&2 && exit 2; }
      adopt=$2
      shift
      ;;
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
clean_up() {
  [[ ! -e $work/before ]] || give_back
  rm -rf "$work"
}
trap clean_up EXIT
find . -maxdepth 1 -name '*.tfstate*' -exec chmod 0600 {} +

kept='What was made is in the state: run this again; nothing is lost.'
unreadable='this version of the provider cannot read a server, as Vultr has ended something that it asks for. Raise the
version in versions.tf to one that can, remove .terraform.lock.hcl, and run this again; nothing is lost.'
explain() { # the error of Vultr or Terraform, for the operator
  if grep -qE '(status\\?": ?|HTTP Error )401' "$work/said"; then
    say "Vultr refuses the API key in VULTR_API_KEY: wrong, or not allowed from this address (API > Access Control)."
  elif grep -qE '(status\\?": ?|HTTP Error )429' "$work/said"; then
    say "Vultr asks for patience: too many requests. Wait a minute, and run this again; nothing is lost."
  elif grep -qE '(status\\?": ?|HTTP Error )5[0-9][0-9]' "$work/said"; then
    say "Vultr's API fails. What was made is in the state: run this again later; nothing is lost."
  elif grep -qE 'no results were found' "$work/said"; then
    say "Vultr offers no image of the name in main.tf any more."
  elif grep -qE 'locked for |Server is currently locked' "$work/said"; then
    say "the server is locked at Vultr, as it is while it is installed. Run this again in some minutes; nothing is lost."
  elif grep -qE 'Error acquiring the state lock' "$work/said"; then
    say "another run of deploy.sh is at work in this folder, or one was killed: see the lock's time above. This run did nothing."
  elif grep -qE 'list of attached VPCs|no matching version|does not match configured version' "$work/said"; then
    say "$unreadable"
  elif grep -qE 'Instance cannot be destroyed' "$work/said"; then
    cat "$work/planned" >&2
    because=$(sed -nE 's/^ *[-+~]+ ([a-z0-9_]+) .*# forces replacement.*/\1/p' "$work/planned" | sort -u | tr '\n' ' ')
    fail 5 "the plan would destroy or replace what is never destroyed${because:+, because of ${because% }}. Nothing was changed."
  elif grep -qE 'timed out' "$work/said"; then
    fail 6 "out of time: Vultr took more than $seconds s. $kept"
  elif grep -qE 'dial tcp|proxyconnect|x509:|TLS handshake|EOF|urlopen error' "$work/said"; then
    say "Vultr's API cannot be reached from here. What was made is in the state: run this again."
  else
    say "Terraform failed; see above. What was made is in the state: run this again after fixing that."
  fi
}

# Terraform gets one interrupt, and time to write its state: a second one would lose it.
child='' gave_up=''
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
  set +m
  # The alarm ends without a word as soon as nobody holds its input open: at the end, and if this script is killed.
  exec {alarm}> >(read -r -t "$seconds" || (($? <= 128)) || kill -ALRM $$ 2>/dev/null)
  while :; do
    status=0
    wait "$child" || status=$?
    if ((status <= 128)) || ! kill -0 "$child" 2>/dev/null; then break; fi
  done
  exec {alarm}>&-
  child=''
  cat "$work/said" >&2
  [[ -z $gave_up ]] || fail 6 "$gave_up. $kept"
  return "$status"
}

must() { attempt "$@" || { explain && exit 1; }; }

must init -no-color >/dev/null
must validate -no-color >/dev/null

vultr() { # ARGUMENTS of vultr.py; 0: answered, 9: there is no such thing
  local status=0
  : >"$work/said"
  VULTR_SAID=$work/said VULTR_SECONDS=$seconds python3 -B vultr.py "$@" || status=$?
  ((status == 0 || status == 9)) || { explain && exit 1; }
  return "$status"
}

# Each look at a server asks Vultr for more than the server. A provider that cannot do that must be known before a
# server is ordered, so it looks at one that is there already, of whatever label, without a state.
vultr servers >"$work/servers"
IFS=$'\t' read -r any _ <"$work/servers" || any=''
if [[ -n ${adopt:-$any} ]]; then
  mkdir "$work/look"
  sed -n '/^terraform {/,/^}/p' versions.tf >"$work/look/look.tf"
  cat >>"$work/look/look.tf" <<HCL
data "vultr_instance" "any" {
  filter {
    name   = "id"
    values = ["${adopt:-$any}"]
  }
}
HCL
  must -chdir="$work/look" init -no-color -plugin-dir="$PWD/.terraform/providers" >/dev/null
  attempt -chdir="$work/look" plan -no-color >/dev/null </dev/null || { explain && exit 1; }
fi

server_in_state() {
  [[ -e terraform.tfstate ]] || return 0
  must show -json >"$work/state.json"
  python3 -B review.py server <"$work/state.json"
}

# Look-ups and lists of Vultr know a new server only after a while, and Terraform forgets a server that Vultr does not
# know, with its password. So what an earlier run ordered is waited for.
new_seconds=$((seconds < 600 ? seconds : 600))
wait_until_known() { # ID
  vultr await "$1" "$new_seconds" ||
    fail 7 "Vultr does not know server $1 after $new_seconds s, although it was ordered. Run this again later; if the portal does not show it either: terraform state rm vultr_instance.mail"
}
if [[ -e $secrets/ordered ]]; then
  known=$(server_in_state)
  if [[ -n $known ]]; then
    wait_until_known "$known"
  else
    say "an earlier run was ended while it ordered a server: looking for it"
    vultr await-label "$(<"$secrets/ordered")" "$new_seconds" >/dev/null ||
      say "Vultr has not made that server: ordering it as if for the first time"
  fi
  [[ -n $known ]] || rm -f "$secrets/ordered"
fi

# Taking over changes nothing at Vultr before the yes, and nothing is left of it without one.
give_back() {
  cp "$work/before" terraform.tfstate
  [[ -s terraform.tfstate ]] || rm -f terraform.tfstate
  rm -f adopted.auto.tfvars.json
}
if [[ -n $adopt ]]; then
  known=$(server_in_state)
  [[ -z $known || $known == "$adopt" ]] ||
    fail 5 "the state has a server already, $known. A second one needs a copy of this folder. Nothing was changed."
  if [[ -z $known ]]; then
    if [[ -e terraform.tfstate ]]; then cp terraform.tfstate "$work/before.new"; else : >"$work/before.new"; fi
    mv "$work/before.new" "$work/before"
    vultr adopt "$adopt" . >"$work/imports" || fail 5 "server $adopt cannot be taken over; see above. Nothing was changed."
    terraform state list >"$work/there" 2>/dev/null || : >"$work/there"
    while IFS=$'\t' read -r resource number; do
      grep -qxF "$resource" "$work/there" || must import -no-color "$resource" "$number" </dev/null >/dev/null
    done <"$work/imports"
  fi
fi

# What was still being made when a run ended counts as broken to Terraform, which would replace it. It is not:
# the next plan reads how it is, and changes what is missing.
finish_unfinished() {
  [[ -e terraform.tfstate ]] || return 0
  must show -json >"$work/state.json"
  python3 -B review.py unfinished <"$work/state.json" >"$work/unfinished"
  while IFS= read -r resource; do
    say "a run was stopped while it made $resource: continuing with that one"
    must untaint -no-color "$resource" </dev/null >/dev/null
  done <"$work/unfinished"
}
finish_unfinished

keep() { # FILE, its text on the standard input; whole or not at all
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  chmod 0600 "$new"
  mv -f "$new" "$1"
}

# A firewall group of ours without a server in the state: someone else is ordering one, or a state is lost.
must_be_alone() {
  local groups ours
  ours=$(python3 -B review.py group <"$work/plan.json")
  groups=$(vultr leftover "$(python3 -B review.py label <"$work/plan.json"): the VPN is the only way in")
  [[ -z $groups || $groups == "$ours" ]] ||
    fail 5 "Vultr has a firewall group of this order already (${groups//$'\n'/, }), and it is not in the state: someone else is ordering this server, or the state of an earlier order is lost. Wait a minute, look for the server in Vultr's portal, and take it over (deploy.sh adopt ID); if there is none, remove the group there. Nothing was changed."
}

plan() {
  must plan -no-color -out="$work/plan" >"$work/planned" </dev/null
  must show -json "$work/plan" >"$work/plan.json"
}

review() { # 0: the plan has something to do, 5: it must not be carried out, 8: it has nothing to do
  python3 -B review.py plan <"$work/plan.json"
}

# Carries out a plan that was confirmed. Vultr may not know the new server at the first look: then the rest of the same
# order follows as soon as it does.
carry_out() {
  local tries new unknown
  if python3 -B review.py orders <"$work/plan.json"; then
    keep "$secrets/ordered" < <(python3 -B review.py label <"$work/plan.json")
  fi
  for tries in 1 2 3; do
    if attempt apply -no-color "$work/plan" </dev/null; then return 0; fi
    unknown=$(grep -cE 'instance not found' "$work/said" || true)
    ((unknown && tries < 3)) || { explain && exit 1; }
    new=$(server_in_state)
    [[ -n $new ]] || fail 1 "the server was ordered, and Vultr did not know it at a later look. Run this again: it looks for the server."
    say "the server is ordered, and Vultr does not know it yet: waiting for that"
    wait_until_known "$new"
    finish_unfinished
    plan
    status=0
    review || status=$?
    case $status in 0) ;; 8) return 0 ;; *) exit 5 ;; esac
  done
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
    if python3 -B review.py orders <"$work/plan.json"; then must_be_alone; fi
    must show -no-color "$work/plan"
    [[ -z $adopt ]] || vultr closes "$adopt" <"$work/plan.json"
    [[ -t 0 ]] && printf 'Type yes to carry this plan out: '
    IFS= read -r answer || answer=''
    [[ $answer == yes ]] || fail 4 "not confirmed. Nothing was changed."
    rm -f "$work/before" # from here on there is no way back
    carry_out
    applied=yes
    ;;
  5)
    must show -no-color "$work/plan" >&2
    exit 5
    ;;
  8)
    rm -f "$work/before"
    echo "Nothing is to be done: the server is as described."
    ;;
  *) fail 1 "the plan cannot be read; see above. Nothing was changed." ;;
esac

output() { terraform output -no-color -raw "$1" 2>/dev/null || true; }

# Active at Vultr is long before the system is installed and started.
deadline=$((SECONDS + seconds)) told=''
state_of_server() {
  echo "$(output status), $(output server_status)$([[ -n $(output address6) ]] || echo ', without an IPv6 address')"
}
until now=$(state_of_server) && [[ $now == 'active, ok' ]]; do
  [[ $now =~ ^[a-z]+,\ [a-z]+ ]] || fail 1 "Terraform's state knows no server, although nothing failed."
  ((SECONDS < deadline)) || fail 7 "the server is there, but '$now' after $seconds s. Run this again later."
  [[ $now == "$told" ]] || say "the server is '$now': waiting until it is 'active, ok'"
  told=$now
  sleep 2
  must apply -no-color -refresh-only -auto-approve >/dev/null </dev/null
done
address=$(output address) password=$(output root_password) user=$(output first_user)
address6=$(python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]))' "$(output address6)")
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
rm -f "$secrets/ordered"
echo "The server has $address and $address6, written to provision/inventory/group_vars/production/server.yml."
if [[ -e $secrets/root_password ]]; then
  echo "The first password of $user is in $secrets/root_password."
else
  echo "Vultr told no first password of $user, as it does only for a new server; the portal shows it."
fi
