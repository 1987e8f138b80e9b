"""1.2.6: containers start, and what they publish stays behind the firewall."""

import re
from collections.abc import Callable, Mapping

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.waiting import wait_until
from proof.clients.openssh import Admin
from proof.clients.tcp_probe import ProbeResult, start
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.probes import engine
from proof.probes.engine import Trial
from steps.conftest import ENDED_WELL, TRIAL

scenarios("../features/task_1.2.6.feature")

UNIT = "docker"
PORT = 8080
ITSELF = "the host itself"
COMPOSE = f"""\
name: {TRIAL}
services:
  greeter:
    image: {TRIAL}
    pull_policy: never
    container_name: {TRIAL}
    # timeout ends when it is told to, which a first process without a handler does not: a reboot would wait for it.
    command: [timeout, "3600", python3, -m, http.server, "{PORT}", --directory, /tmp]
    restart: unless-stopped
    ports: ["{PORT}:{PORT}"]
    volumes: ["/usr:/usr:ro"]
"""

BACK_AGAIN = 90.0  # seconds that a boot may take
Knocks = Mapping[str, ProbeResult]


@then("it answers on its own socket")
def engine_answers(mail: Host) -> None:
    answer = mail.call(engine.ask, "GET", "/_ping")
    assert answer == {"status": 200, "body": "OK"}, f"the engine on mail answers {answer}"


@then("docker compose reports its version")
def compose_version(mail: Host) -> None:
    result = mail.run("docker compose version --short")
    assert result.rc == 0, f"docker compose on mail: {result}"
    assert re.fullmatch(r"v?\d+\.\d+\S*\n", result.stdout), f"docker compose on mail: {result}"


@when("a container without network runs a program from the host's own tools", target_fixture="trial")
def run_container(container_trial: Callable[[], Trial]) -> Trial:
    """No registry is asked: the image holds folders, the host lends its programs."""
    return container_trial()


@then("the program ran as the first process of its container")
def program_ran(trial: Trial) -> None:
    """It ended with the status that only the first process of a container gives."""
    assert trial["ended"] == ENDED_WELL, "the container on mail:\n" + "\n".join(trial["steps"])


@then("the engine keeps exactly what it kept before")
def nothing_left(trial: Trial) -> None:
    assert trial["before"] == trial["after"], f"the engine on mail kept {trial['before']}, now {trial['after']}"


@given("docker compose has started a container that publishes a port to the whole world")
def publishing_container(mail: Host) -> None:
    """A server that answers on the host, because a port without a listener proves nothing."""
    brought = mail.call(engine.bring_image, TRIAL)
    started = mail.run("docker compose --file - up --detach", stdin=COMPOSE, timeout=180)
    assert started.rc == 0, f"docker compose on mail: {started}; the image before it: {brought}"
    wait_for_server(mail)


def wait_for_server(mail: Host) -> None:
    """Until the server in the container answers on the host."""
    wait_until(lambda: mail.call(engine.greets, "127.0.0.1", PORT), "the server in the container to answer", 60.0)


def try_everywhere(mail: Host, hub: Host, outsider: Host, intruder: Host, target: Target) -> Knocks:
    """From every place, over both families, and straight to the container's own address too.

    The outsider knows a way to the container's network, as a neighbour on the segment may.
    """
    container = mail.call(engine.address_of, TRIAL)
    hub.run_expect([0], "ip -netns outsider route replace %s via %s", container, target.text("public_address"))
    public, vpn = target.text("public_address"), target.text("vpn_address")
    tries = {
        "the internet, IPv4": (outsider, public),
        "the internet, IPv6": (outsider, target.text("public_address6")),
        "the internet, the container's own address": (outsider, container),
        "the VPN": (intruder, vpn),
    }
    begun = {place: start(host, address, PORT, 2) for place, (host, address) in tries.items()}
    itself = ProbeResult("open" if mail.call(engine.greets, "127.0.0.1", PORT) else "silent", "asked on mail")
    return {ITSELF: itself, **{place: heard() for place, heard in begun.items()}}


@when("the port is tried from the host itself, from the internet and from the VPN", target_fixture="tries")
def try_published(mail: Host, hub: Host, outsider: Host, intruder: Host, target: Target) -> dict[str, Knocks]:
    """The results, by the moment of the try."""
    return {"as published": try_everywhere(mail, hub, outsider, intruder, target)}


def reload_and_restart(mail: Host, _: RecordedLab, __: Admin) -> None:
    """In the order that could undo the engine's work first, then the firewall's."""
    mail.run_expect([0], "ufw reload", timeout=120)
    mail.run_expect([0], "systemctl restart %s", UNIT, timeout=120)


def reboot(_: Host, lab: RecordedLab, admin: Admin) -> None:
    """The engine starts the container at boot; the rules that keep it in must exist before."""
    lab.reboot("mail")
    wait_until(lambda: admin.login(timeout=20).accepted, "SSH to come back after a reboot of mail", BACK_AGAIN)


EVENTS: Mapping[str, Callable[[Host, RecordedLab, Admin], None]] = {
    "a reload of the firewall and a restart of the engine": reload_and_restart,
    "a reboot of the host": reboot,
}


@when(parsers.re(f"the port is tried again after (?P<event>{'|'.join(EVENTS)})"))
def try_again(
    lab: RecordedLab,
    admin: Admin,
    mail: Host,
    hub: Host,
    outsider: Host,
    intruder: Host,
    target: Target,
    tries: dict[str, Knocks],
    event: str,
) -> None:
    """Once the server in the container answers on the host."""
    EVENTS[event](mail, lab, admin)
    wait_for_server(mail)
    tries[f"after {event}"] = try_everywhere(mail, hub, outsider, intruder, target)


@then("the port answered on the host itself each time")
def answered_itself(tries: dict[str, Knocks]) -> None:
    """So the silence elsewhere is the firewall's."""
    outcomes = {when: knocks[ITSELF].outcome for when, knocks in tries.items()}
    assert set(outcomes.values()) == {"open"}, f"on mail itself, the published port was {outcomes}"


@then("the port answered no one else, over IPv4 and IPv6")
def answered_nobody(tries: dict[str, Knocks]) -> None:
    """Each place that got through is named."""
    reached = [
        f"{when}, {place}: {knock.said}"
        for when, knocks in tries.items()
        for place, knock in knocks.items()
        if place != ITSELF and knock.outcome == "open"
    ]
    assert not reached, "the published port of a container on mail answers:\n" + "\n".join(reached)
