"""1.3.2: the tunnel in the kernel, its encryption on the wire, and how its key is installed."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from pytest_bdd import parsers, scenarios, then, when
from testinfra.host import Host

from proof.clients import wireguard_setup
from proof.clients.wireguard_setup import Keys, Use
from proof.evidence.recorder import Recorder
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.parsers import wireguard
from proof.parsers.wireguard import Peer
from proof.probes import capture, secret_copies

scenarios("../features/task_1.3.2.feature")

FRESH_SECONDS = 180
CUT_SHORT = "a private key cut short"
PAYLOAD = b"plain text here!"  # as many bytes as ping repeats
NOBODY = "runuser -u nobody -- test -r %s"


def settings_file(target: Target) -> str:
    """Where wg-quick reads the tunnel's settings."""
    return f"/etc/wireguard/{target.text('vpn_interface')}.conf"


@when("the addresses of the host are looked up", target_fixture="addresses")
def look_up_addresses(mail: Host) -> Mapping[str, tuple[str, ...]]:
    """Interface to its addresses with their prefix."""
    return {name: tuple(mail.interface(name).networks) for name in mail.interface.names()}


@then("the tunnel is up and has the VPN address and no other")
def tunnel_has_address(mail: Host, addresses: Mapping[str, tuple[str, ...]], target: Target) -> None:
    """Address and length of the prefix."""
    tunnel = target.text("vpn_interface")
    expected = f"{target.text('vpn_address')}/{target.number('vpn_prefix')}"
    assert tunnel in addresses, f"mail has no interface {tunnel}, only {', '.join(addresses)}"
    assert addresses[tunnel] == (expected,), f"{tunnel} on mail has {addresses[tunnel]}, not {expected} alone"
    assert mail.interface(tunnel).is_up, f"{tunnel} on mail is down"


@then("no other interface has an address of the VPN")
def nowhere_else(addresses: Mapping[str, tuple[str, ...]], target: Target) -> None:
    """A second one would answer past the tunnel."""
    stem = target.text("vpn_network").rpartition(".")[0] + "."
    others = {
        name: found
        for name, found in addresses.items()
        if name != target.text("vpn_interface") and any(address.startswith(stem) for address in found)
    }
    assert not others, f"addresses of the VPN on other interfaces of mail: {others}"


@when("the host describes its tunnel", target_fixture="peers")
def describe_tunnel(mail: Host, target: Target) -> tuple[Peer, ...]:
    """In the form that hides the private key."""
    return wireguard.peers(mail.check_output("wg show %s", target.text("vpn_interface")))


@then("its only peer is the hub")
def only_the_hub(peers: tuple[Peer, ...], target: Target) -> None:
    """By its key, by its address, and for the VPN's traffic alone."""
    kept = targets.resolve(target.text("wireguard_credentials_file"))
    key = yaml.safe_load(kept.read_text(encoding="utf-8"))["wireguard_hub_public_key"]
    endpoint = f"{target.text('hub_address')}:{target.text('hub_vpn_port')}"
    found = [(peer.public_key, peer.endpoint, peer.allowed_ips) for peer in peers]
    assert found == [(key, endpoint, (target.text("vpn_network"),))], (
        f"mail's tunnel should have the one peer {key} at {endpoint}, it has {peers}"
    )


@then("the last handshake is less than 3 minutes old")
def handshake_is_recent(peers: tuple[Peer, ...]) -> None:
    """WireGuard renews it every two minutes while anything is sent."""
    old = [peer for peer in peers if peer.handshake_age is None or peer.handshake_age >= FRESH_SECONDS]
    assert peers, "mail's tunnel has no peer at all"
    assert not old, f"mail's last handshake is too old, or there never was one: {old}"


Seen = Mapping[str, Mapping[str, int | str]]


@dataclasses.dataclass(frozen=True)
class Eavesdropping:
    """What was on the wire while a payload crossed: on the internet segment, and inside the tunnel."""

    segment: Mapping[str, int | str]
    tunnel: Mapping[str, int | str]
    ping: Mapping[str, int | str]


@when(
    "the hub sends a recognisable payload to the host's VPN address and listens on the internet segment",
    target_fixture="heard",
)
def send_payload(hub: Host, target: Target, evidence: Recorder) -> Eavesdropping:
    """Three echoes and their answers, with every packet of the segment and of the tunnel read."""
    segment = hub.call(capture.interface_with, target.text("hub_address"))
    tunnel = hub.call(capture.interface_with, target.text("hub_vpn_address"))
    ping = ["ping", "-n", "-c", "3", "-i", "0.2", "-W", "3", "-s", "200", "-p", PAYLOAD.hex()]
    port = target.number("hub_vpn_port")
    seen: Seen = hub.call(
        capture.listen_while, [*ping, target.text("vpn_address")], PAYLOAD, [segment, tunnel], port, 15.0
    )
    evidence.note(f"{segment} is on the internet segment, {tunnel} is the tunnel; seen: {seen}")
    return Eavesdropping(seen[segment], seen[tunnel], seen[""])


@then("the payload was read inside the tunnel")
def read_inside(heard: Eavesdropping) -> None:
    """So the listener can read it if it is not encrypted, and it really crossed."""
    assert heard.ping["status"] == 0, f"hub got no answer over the VPN:\n{heard.ping['said']}"
    assert heard.tunnel["readable"], f"the payload was not even seen inside hub's tunnel: {heard.tunnel}"


@then("only its ciphertext was seen on the internet segment")
def only_ciphertext(heard: Eavesdropping) -> None:
    """WireGuard's packets were there, the payload was not."""
    assert heard.segment["sealed"], f"no WireGuard packet crossed the internet segment: {heard.segment}"
    assert not heard.segment["readable"], f"the payload crossed the internet segment readable: {heard.segment}"


@then("the tunnel's settings belong to root and are closed to everyone else")
def settings_closed(mail: Host, target: Target) -> None:
    """The file, and the folder in which it could be replaced."""
    path = settings_file(target)
    for item, mode in ((mail.file(path), 0o600), (mail.file(str(Path(path).parent)), 0o700)):
        found = (item.user, item.group, oct(item.mode))
        assert found == ("root", "root", oct(mode)), f"{item.path} on mail: {found}, should be {oct(mode)}"


@then("an ordinary account cannot read them")
def nobody_reads(mail: Host, target: Target) -> None:
    """The account could read a file that is open to all."""
    assert mail.run(NOBODY, "/etc/passwd").rc == 0, "nobody on mail cannot even read /etc/passwd"
    assert mail.run(NOBODY, settings_file(target)).rc == 1, f"nobody on mail can read {settings_file(target)}"


@when("copies of the private key are looked for", target_fixture="copies_found")
def look_for_copies(mail: Host, target: Target) -> list[str]:
    """On the host itself: the key stays there."""
    found: list[str] = mail.call(secret_copies.readable_by_others, settings_file(target), secret_copies.FOLDERS)
    return found


@then("no copy is readable by another account than root")
def no_copies(copies_found: list[str]) -> None:
    """A forgotten copy is as good as the key."""
    assert not copies_found, f"files on mail that hold the private key and are open to others: {copies_found}"


def damaged(keys: Keys, fault: str) -> Keys:
    """The same keys with a fault of the kind that happens when someone copies them."""
    if fault == CUT_SHORT:
        return dataclasses.replace(keys, private=keys.private[:-3])
    return dataclasses.replace(keys, hub_public=f"{keys.hub_public[:9]}?{keys.hub_public[10:]}")


@pytest.fixture
def keys() -> Keys:
    """Throw-away keys: nothing is ever connected with them."""
    return wireguard_setup.throw_away_keys()


def record(evidence: Recorder, use: Use) -> Use:
    """Keep what the operator saw."""
    evidence.command(
        "runner", wireguard_setup.SCRIPT.name, exit_status=use.status, stdout=use.screen, stderr="", seconds=0.0
    )
    return use


WAYS: Mapping[str, Callable[[Keys, Path], Use]] = {
    "types the tunnel's keys into": wireguard_setup.type_in,
    "pipes the tunnel's keys into": wireguard_setup.pipe_in,
    "types a private key cut short into": lambda keys, home: wireguard_setup.type_in(damaged(keys, CUT_SHORT), home),
    "types a hub's key with a typo into": lambda keys, home: wireguard_setup.type_in(damaged(keys, ""), home),
    "passes the private key as an argument to": lambda keys, home: wireguard_setup.pipe_in(keys, home, [keys.private]),
}


@when(parsers.re(f"the operator (?P<way>{'|'.join(WAYS)}) the credentials script"), target_fixture="use")
def operator_uses_script(keys: Keys, tmp_path: Path, evidence: Recorder, way: str) -> Use:
    """In an interactive shell, so that there is a history."""
    return record(evidence, WAYS[way](keys, tmp_path / "home"))


@then("the keys are in the credentials file, which is for the operator alone")
def keys_are_kept(use: Use, keys: Keys) -> None:
    """One file, of mode 0600, that the provisioning can read."""
    assert use.status == 0, f"the credentials script failed with {use.status}:\n{use.screen}"
    assert len(use.files) == 1, f"the credentials script left these files: {use.files}\n{use.screen}"
    kept = yaml.safe_load(use.files[0].read_text(encoding="utf-8"))
    expected = {
        "wireguard_private_key": keys.private,
        "wireguard_hub_public_key": keys.hub_public,
        "wireguard_preshared_key": keys.preshared,
    }
    wrong = sorted(name for name in {*expected, *kept} if kept.get(name) != expected.get(name))
    mode = use.files[0].stat().st_mode & 0o7777
    assert not wrong, f"{use.files[0].name} holds something else than was typed for {wrong}"
    assert mode == 0o600, f"{use.files[0].name} has mode {mode:o}"


@then("no secret appeared on the screen")
def nothing_on_screen(use: Use) -> None:
    """Line breaks of the terminal do not hide it."""
    shown = re.sub(r"\s", "", use.screen)
    assert not any(secret in shown for secret in use.secrets), (
        "the credentials script showed a secret; without it the screen reads:\n"
        + re.sub("|".join(map(re.escape, use.secrets)), "<SECRET>", use.screen)
    )


@then("no secret was handed to any program as an argument or in its environment")
def no_arguments(use: Use) -> None:
    """Every program that was started was noted, the script itself first of all."""
    assert wireguard_setup.SCRIPT.name in use.programs, "the watch over programs did not even see the script start"
    assert not any(secret in use.programs for secret in use.secrets), (
        "a program was given a secret: "
        + re.sub("|".join(map(re.escape, use.secrets)), "<SECRET>", use.programs)[-2000:]
    )


@then("the shell's history holds the script's name and no secret")
def history_is_clean(use: Use) -> None:
    """The name shows that the history was written."""
    assert wireguard_setup.SCRIPT.name in use.history, f"the shell's history was not written: {use.history!r}"
    assert not any(secret in use.history for secret in use.secrets), "a secret is in the shell's history"


@then(parsers.parse('the script fails and says what is wrong with "{subject}"'))
def says_what_is_wrong(use: Use, subject: str) -> None:
    """The key by its name, and that it is the key that is wrong."""
    complaint = [line for line in use.screen.splitlines() if subject in line and "not" in line.split()]
    assert use.status not in (0, 127), f"the credentials script ended with {use.status}:\n{use.screen}"
    assert complaint, f"the credentials script does not say what is wrong with the {subject}:\n{use.screen}"


@then("the script fails and explains how it is used")
def explains_usage(use: Use) -> None:
    """With the exit status of wrong use, and the synopsis."""
    assert use.status == 2, f"the credentials script ended with {use.status}:\n{use.screen}"
    assert "usage:" in use.screen, f"the credentials script does not explain itself:\n{use.screen}"


@then("no credentials file was left behind")
def nothing_left(use: Use) -> None:
    assert not use.files, f"the credentials script left files behind: {use.files}"
