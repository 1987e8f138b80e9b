"""Read-only questions to Vultr's API, for deploy.sh: no other method than GET leaves this module.

    vultr.py servers                    a line `ID<TAB>LABEL<TAB>ADDRESS<TAB>CREATED` for each server of the account
    vultr.py await ID SECONDS           wait until Vultr knows a server
    vultr.py await-label LABEL SECONDS  wait until a server of that label is listed, and print its id
    vultr.py leftover DESCRIPTION       ids of firewall groups of that description
    vultr.py adopt ID FOLDER            write FOLDER/adopted.auto.tfvars.json; a line `ADDRESS<TAB>ID` for each import
    vultr.py order ADDRESS              what the server at an address is, with backups, firewall and SSH keys: JSON
    vultr.py closes ID <PLAN            what a plan's firewall group shuts out that reaches the server today

The key is taken from VULTR_API_KEY, the patience with an answer from VULTR_SECONDS; what went wrong is also written to
the file that VULTR_SAID names. Needs nothing but Python. Exit status: 0 answered, 1 Vultr gives no answer,
2 usage, 9 there is no such thing.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]

API = "https://api.vultr.com/v2"
ANSWER_SECONDS = 60.0
PATIENCE = 5  # times that a refusal for too many requests is waited out
PAUSE_SECONDS = 2.0
PROGRESS_SECONDS = 15.0
NOT_FOUND, TOO_MANY = 404, 429
ANSWERED, FAILED, USAGE, ABSENT, INTERRUPTED = 0, 1, 2, 9, 130
SYSTEM = "Debian 13"
ADOPTED = ("label", "region", "plan", "hostname", "user_scheme")  # facts that are variables of main.tf
SERVER, KEY, GROUP = "vultr_instance.mail", "vultr_ssh_key.admin", "vultr_firewall_group.mail"


class MissingError(Exception):
    """Vultr does not know what was asked for."""


def get(path: str, **query: object) -> Json:
    """What the API answers.

    Raises:
        MissingError: it knows no such thing.
        OSError, ValueError: it gave no answer that can be read.
    """
    headers = {"Authorization": f"Bearer {os.environ.get('VULTR_API_KEY', '')}"}
    address = f"{API}{path}?{urlencode(query)}" if query else f"{API}{path}"
    seconds = min(ANSWER_SECONDS, float(os.environ.get("VULTR_SECONDS") or ANSWER_SECONDS))
    for left in reversed(range(PATIENCE)):
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the address is a constant
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
                read: Json = json.load(answer)
                return read
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                raise MissingError(path) from error
            if error.code != TOO_MANY or not left:
                raise
            time.sleep(float(error.headers.get("Retry-After") or PAUSE_SECONDS))
    raise AssertionError("the last try returns or raises")


def listed(path: str, name: str) -> list[Json]:
    """Every item of a list, whatever the number of its pages; raises what `get` raises."""
    found: list[Json] = []
    cursor = ""
    while True:
        page = get(path, per_page=500, **({"cursor": cursor} if cursor else {}))
        found += page.get(name, [])
        cursor = page.get("meta", {}).get("links", {}).get("next") or ""
        if not cursor:
            return found


def servers() -> list[Json]:
    """The servers of the account."""
    return listed("/instances", "instances")


def server(number: str) -> Json:
    """A server. Raises what `get` raises."""
    found: Json = get(f"/instances/{number}")["instance"]
    return found


def awaited(look: Callable[[], Json | None], seconds: float, what: str) -> Json | None:
    """What a look finds, repeated until the deadline; tells now and then that it goes on."""
    begun = told = time.monotonic()
    while True:
        try:
            found = look()
        except MissingError:
            found = None
        now = time.monotonic()
        if found is not None or now - begun >= seconds:
            return found
        if now - told >= PROGRESS_SECONDS:
            told = now
            print(f"deploy.sh: {what}: {now - begun:.0f} s of at most {seconds:.0f}", file=sys.stderr)
        time.sleep(PAUSE_SECONDS)


def doors(group: str) -> list[str]:
    """What a firewall group lets in, a line each; all, if a server is in no group."""
    if not group:
        return ["everything, from everywhere: it is in no firewall group"]
    rules = listed(f"/firewalls/{group}/rules", "firewall_rules")
    return sorted(door(rule) for rule in rules)


def door(rule: Mapping[str, Any]) -> str:
    """What a rule lets in, in words that are the same for the API and for Terraform."""
    port = f" port {rule['port']}" if rule.get("port") else ""
    return f"{rule['protocol']}{port} from {rule.get('source') or ''}{rule['subnet']}/{rule['subnet_size']}"


def _servers() -> int:
    for each in servers():
        print(each["id"], each["label"], each["main_ip"], each["date_created"], sep="\t")
    return ANSWERED


def _await(number: str, seconds: str) -> int:
    found = awaited(lambda: server(number), float(seconds), f"Vultr does not know server {number} yet")
    return ANSWERED if found else ABSENT


def _await_label(label: str, seconds: str) -> int:
    def look() -> Json | None:
        return next((each for each in servers() if each["label"] == label), None)

    found = awaited(look, float(seconds), f"Vultr lists no server {label} yet")
    if found is None:
        return ABSENT
    print(found["id"])
    return ANSWERED


def _leftover(description: str) -> int:
    groups = listed("/firewalls", "firewall_groups")
    same = [each["id"] for each in groups if each["description"] == description]
    print(*same, sep="\n", end="\n" if same else "")
    return ANSWERED


def _adopt(number: str, folder: str) -> int:
    found = server(number)
    if not str(found["os"]).startswith(SYSTEM):
        print(f"deploy.sh: server {number} runs {found['os']}; the tasks are for {SYSTEM}.", file=sys.stderr)
        return ABSENT
    facts = {name: found[name] for name in ADOPTED}
    Path(folder, "adopted.auto.tfvars.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"deploy.sh: server {number} at {found['main_ip']}: {json.dumps(facts)}", file=sys.stderr)
    print(SERVER, number, sep="\t")
    group = found["firewall_group_id"]
    if group and get(f"/firewalls/{group}")["firewall_group"]["description"].startswith(f"{found['label']}: "):
        print(GROUP, group, sep="\t")
    for key in listed("/ssh-keys", "ssh_keys"):
        if key["name"] == f"{found['label']} administrator":
            print(KEY, key["id"], sep="\t")
            break
    return ANSWERED


def _closes(number: str) -> int:
    plan: Json = json.load(sys.stdin)
    planned = [
        each["change"]["after"]
        for each in plan.get("resource_changes", [])
        if each["type"] == "vultr_firewall_rule" and each["change"].get("after")
    ]
    after = {door(rule) for rule in planned}
    today = doors(server(number)["firewall_group_id"])
    closed = [each for each in today if each not in after]
    if closed:
        print("Today Vultr's firewall lets in to this server:", *(f"  {each}" for each in today), sep="\n")
        print("After this plan it lets in only:", *(f"  {each}" for each in sorted(after)), sep="\n")
    return ANSWERED


def _order(address: str) -> int:
    there = servers()
    found = next((each for each in there if each["main_ip"] == address), None)
    if found is None:
        print(f"deploy.sh: no server of the account has the address {address}.", file=sys.stderr)
        return ABSENT
    group = found["firewall_group_id"]
    order = {
        "server": {name: found[name] for name in ("id", "label", "region", "plan", "os", "hostname", "features")},
        "schedule": get(f"/instances/{found['id']}/backup-schedule")["backup_schedule"],
        "rules": listed(f"/firewalls/{group}/rules", "firewall_rules") if group else None,
        "keys": [key["ssh_key"] for key in listed("/ssh-keys", "ssh_keys")],
        "same_label": sum(each["label"] == found["label"] for each in there),
    }
    print(json.dumps(order))
    return ANSWERED


COMMANDS: Mapping[str, tuple[int, Callable[..., int]]] = {
    "servers": (0, _servers),
    "await": (2, _await),
    "await-label": (2, _await_label),
    "leftover": (1, _leftover),
    "adopt": (2, _adopt),
    "order": (1, _order),
    "closes": (1, _closes),
}


def main(arguments: Sequence[str]) -> int:
    """Ask, and print the answer."""
    name, *rest = arguments or ("",)
    number, command = COMMANDS.get(name, (-1, _servers))
    if len(rest) != number:
        print(__doc__, file=sys.stderr)
        return USAGE
    try:
        return command(*rest)
    except MissingError as error:
        print(f"deploy.sh: Vultr knows no {error}", file=sys.stderr)
        return ABSENT
    except (OSError, ValueError, KeyError) as error:
        words = f"deploy.sh: Vultr gives no answer that can be read: {error}"
        print(words, file=sys.stderr)
        if said := os.environ.get("VULTR_SAID"):
            Path(said).write_text(words, encoding="utf-8")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
