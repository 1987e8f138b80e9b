"""1.2.6: containers start, and what they publish stays behind the firewall."""

import re
from collections.abc import Mapping

from pytest_bdd import given, scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.knock import Knock, knock
from proof.onsite import engine
from proof.onsite.engine import Trial
from proof.target import Target
from proof.waits import wait_until

scenarios("../features/task_1.2.6.feature")

UNIT = "docker"
TRIAL = "mail-lab-trial"
ENDED_WELL = 42
PORT = 8080
ITSELF = "the host itself"
COMPOSE = f"""\
name: {TRIAL}
services:
  greeter:
    image: {TRIAL}
    pull_policy: never
    container_name: {TRIAL}
    command: [python3, -m, http.server, "{PORT}", --directory, /tmp]
    restart: unless-stopped
    ports: ["{PORT}:{PORT}"]
    volumes: ["/usr:/usr:ro"]
"""

Knocks = Mapping[str, Knock]


@then("the container engine is active")
def engine_active(mail: Host) -> None:
    """Its unit."""
    assert mail.service(UNIT).is_running, f"unit {UNIT} on mail is not active"


@then("it starts with the host")
def engine_enabled(mail: Host) -> None:
    """Its unit, not only the socket that would wake it."""
    assert mail.service(UNIT).is_enabled, f"unit {UNIT} on mail is not enabled"


@then("it answers on its own socket")
def engine_answers(mail: Host) -> None:
    """A ping of its API."""
    answer = mail.call(engine.ask, "GET", "/_ping")
    assert answer == {"status": 200, "body": "OK"}, f"the engine on mail answers {answer}"


@when("docker compose is asked for its version", target_fixture="result")
def compose_version(mail: Host) -> CommandResult:
    """As a person asks."""
    return mail.run("docker compose version --short")


@then("it answers with one")
def compose_answers(result: CommandResult) -> None:
    """A number, and no complaint."""
    answered = result.rc == 0 and re.fullmatch(r"v?\d+\.\d+\S*\n", result.stdout)
    assert answered, f"docker compose on mail: {result}"


@when("a container without network runs a program from the host's own tools", target_fixture="trial")
def run_container(mail: Host) -> Trial:
    """No registry is asked: the image holds folders, the host lends its programs."""
    trial: Trial = mail.call(engine.try_container, TRIAL, f'test "$$" -eq 1 && exit {ENDED_WELL}', timeout=120)
    return trial


@then("the program ran as the first process of its container")
def program_ran(trial: Trial) -> None:
    """It ended with the status that only the first process of a container gives."""
    assert trial["ended"] == ENDED_WELL, "the container on mail:\n" + "\n".join(trial["steps"])


@then("the engine keeps exactly what it kept before")
def nothing_left(trial: Trial) -> None:
    """Containers, images, networks and volumes."""
    assert trial["before"] == trial["after"], f"the engine on mail kept {trial['before']}, now {trial['after']}"


@given("docker compose has started a container that publishes a port to the whole world")
def publishing_container(mail: Host) -> None:
    """A server that answers on the host, because a port where nobody listens proves nothing."""
    brought = mail.call(engine.bring_image, TRIAL)
    started = mail.run("docker compose --file - up --detach", stdin=COMPOSE, timeout=180)
    assert started.rc == 0, f"docker compose on mail: {started}; the image before it: {brought}"
    wait_for_server(mail)


def wait_for_server(mail: Host) -> None:
    """Until the server in the container answers on the host."""
    wait_until(lambda: mail.call(engine.greets, "127.0.0.1", PORT), "the server in the container to answer", 60.0)


@when("the firewall is reloaded and the engine restarted")
def reload_and_restart(mail: Host) -> None:
    """In the order that undoes the engine's work first, then the firewall's."""
    mail.run_expect([0], "ufw reload")
    mail.run_expect([0], "systemctl restart %s", UNIT, timeout=120)
    wait_for_server(mail)


@when("the port is tried from the host itself, from the internet and from the VPN", target_fixture="knocks")
def try_everywhere(mail: Host, outsider: Host, intruder: Host, hub: Host, target: Target) -> dict[str, Knock]:
    """Over both families, and straight to the container's own address too."""
    container = mail.call(engine.address_of, TRIAL)
    public, vpn = target.text("public_address"), target.text("vpn_address")
    hub.run_expect([0], "ip -netns outsider route replace %s via %s", container, public)
    return {
        ITSELF: Knock("open" if mail.call(engine.greets, "127.0.0.1", PORT) else "silent", "asked on mail"),
        "the internet, IPv4": knock(outsider, public, PORT, 2),
        "the internet, IPv6": knock(outsider, target.text("public_address6"), PORT, 2),
        "the internet, the container's own address": knock(outsider, container, PORT, 2),
        "the VPN": knock(intruder, vpn, PORT, 2),
    }


@then("it answers on the host itself")
def answers_itself(knocks: Knocks) -> None:
    """So the silence elsewhere is the firewall's."""
    assert knocks[ITSELF].outcome == "open", f"the published port does not answer on mail: {knocks[ITSELF]}"


@then("it answers nobody else, over IPv4 and IPv6")
def answers_nobody(knocks: Knocks) -> None:
    """Each place that got through is named."""
    reached = {place: k.said for place, k in knocks.items() if place != ITSELF and k.outcome == "open"}
    assert not reached, f"the published port of a container on mail answers: {reached}"
