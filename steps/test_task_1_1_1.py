"""1.1.1: the machine, and its order, carried out by Terraform against a stand-in of Vultr."""

import copy
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.paths import TERRAFORM
from proof import process
from proof.deployment import faults, sandbox, terraform
from proof.deployment.sandbox import Deployment
from proof.evidence.recorder import Recorder
from proof.evidence.redact import redactor
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.probes import hardware
from proof.probes.hardware import Hardware
from proof.process import Finished
from proof.vultr import servers

scenarios("../features/task_1.1.1.feature")

GB = 10**9
API_KEY = "VULTR_API_KEY"
ORDER_SECONDS = 120.0
REGION = re.compile(r'^\s*region\s*=\s*"([a-z]+)"', re.MULTILINE)
WIDEST = {"v4": 16, "v6": 32}  # bits of the widest network from which SSH may come
PORTAL = "by hand"
PORTAL_FACTS = {"region": "ewr", "plan": "vc2-1c-1gb", "hostname": "vultr", "user_scheme": "limited"}
KERNEL_SHARE = 0.12  # of a small machine's memory, kept by the kernel and the firmware
NOT_CONFIRMED, REFUSED = 4, 5
MISTAKES: dict[str, dict[str, object]] = {
    "Backups without a schedule": {"backups_schedule": None},
    "A schedule without backups": {"backups": "disabled"},
    "A backup at 25 o'clock": {"backups_schedule": {"type": "daily", "hour": 25}},
    "SSH for the whole internet": {"admin_networks": ["0.0.0.0/0"]},
    "A private key for the public one": {"ssh_public_key_file": "terraform.tfvars"},
}
CHANGES: dict[str, Callable[[Deployment], None]] = {
    "The server is to be in another region": lambda deployment: deployment.write_settings(region="ewr"),
    "The server is to have another host name": lambda deployment: deployment.write_settings(hostname="post"),
    "The server is no longer in the description": sandbox.forget_server,
    "The operator has a new SSH key": sandbox.new_key,
}

Servers = dict[str, dict[str, Any]]
Deploy = Callable[[Deployment, Callable[[Deployment], Finished]], Finished]


@pytest.fixture
def run(evidence: Recorder) -> Deploy:
    """`run(deployment, action)` runs the action, records its output as evidence, and returns its result."""

    def keep(chosen: Deployment, what: Callable[[Deployment], Finished]) -> Finished:
        done = what(chosen)
        evidence.program("runner", "terraform/deploy.sh", done)
        evidence.note("Vultr was asked: " + "; ".join(map(str, chosen.api.calls)))
        return done

    return keep


@pytest.fixture(scope="session")
def scratch(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of deployments; skips if Terraform or its provider is missing, and where no stand-in counts."""
    if not target.resettable:
        pytest.skip("is asked of a stand-in of Vultr, which counts for the lab alone")
    if why := terraform.why_not():
        pytest.skip(why)
    return tmp_path_factory.mktemp("deployments")


@pytest.fixture(scope="session")
def first(scratch: Path) -> Iterator[tuple[Deployment, Finished]]:
    """A deployment that was carried out once for all scenarios that only look at it, and how it ended."""
    with sandbox.fresh(scratch / "first") as made:
        redactor.register(made.key)
        redactor.register(made.api.account.offer.password)
        yield made, made.deploy()


@pytest.fixture
def opened(scratch: Path) -> Iterator[ExitStack]:
    """Closes what a scenario opens."""
    del scratch
    with ExitStack() as stack:
        yield stack


@when("the operator has deployed", target_fixture="deployed")
def has_deployed(first: tuple[Deployment, Finished], evidence: Recorder) -> Deployment:
    """The one deployment that no one changes."""
    made, done = first
    evidence.note(f"deploy.sh ended with {done.exit_status}:\n{done.stdout}{done.stderr}")
    assert done.exit_status == 0, f"deploy.sh ended with {done.exit_status}:\n{done.stdout}{done.stderr}"
    return made


@given("the operator has deployed", target_fixture="deployed")
def copy_of_deployed(
    first: tuple[Deployment, Finished], evidence: Recorder, opened: ExitStack, tmp_path: Path
) -> Deployment:
    """A copy of it, for a scenario that does something with it."""
    return opened.enter_context(sandbox.again(has_deployed(first, evidence), tmp_path / "copy"))


@given("an account that holds nothing", target_fixture="deployed")
def empty_account(opened: ExitStack, tmp_path: Path) -> Deployment:
    """And a folder of Terraform's that was never used."""
    made = opened.enter_context(sandbox.fresh(tmp_path / "fresh"))
    redactor.register(made.key)
    redactor.register(made.api.account.offer.password)
    return made


@given(
    parsers.re('an account with a server that was made in Vultr\'s portal( with "(?P<system>.+)")?'),
    target_fixture="deployed",
)
def portal_server(opened: ExitStack, tmp_path: Path, system: str | None) -> Deployment:
    """Of the other user scheme, in another place, smaller, without backups, IPv6 and firewall; and others' servers."""
    made = empty_account(opened, tmp_path)
    for label in (PORTAL, "of someone else", "of someone else, too"):
        servers.from_portal(made.api.account, label=label, os=system or "Debian 13 x64 (trixie)", **PORTAL_FACTS)
    return made


@when(parsers.parse('the operator takes the server over and answers "{answer}"'), target_fixture="done")
def takes_over(run: Deploy, deployed: Deployment, answer: str) -> Finished:
    number = next(each["id"] for each in deployed.api.account.servers.values() if each["label"] == PORTAL)
    return run(deployed, lambda chosen: chosen.adopt(number, answer))


@then("nothing is left of the attempt")
def nothing_left(deployed: Deployment) -> None:
    """Neither in the state nor in the settings."""
    folder = deployed.terraform_folder
    left = [path.name for path in folder.iterdir() if path.name == "terraform.tfstate" or path.suffix == ".json"]
    assert not left, f"deploy.sh has left {left} in its folder"


@then("the server has kept its label, its place, its size, its name and its user")
def kept(deployed: Deployment) -> None:
    server = our_server(deployed)
    found = {name: server[name] for name in PORTAL_FACTS}
    assert found == PORTAL_FACTS, f"the server at Vultr: {server}"


@then("it says what the server's firewall no longer lets in")
def says_what_closes(done: Finished) -> None:
    assert "it is in no firewall group" in done.stdout, f"deploy.sh: {done}"
    assert "After this plan it lets in only:" in done.stdout, f"deploy.sh: {done}"


@pytest.fixture
def holdings(deployed: Deployment) -> Servers:
    """What the account held when the scenario began."""
    return copy.deepcopy(deployed.api.account.holdings())


# The machine


@when("the host tells what it runs", target_fixture="system")
def tells_system(mail: Host) -> tuple[str | None, str | None]:
    return mail.system_info.distribution, mail.system_info.release


@then("that is Debian 13")
def is_debian(system: tuple[str | None, str | None]) -> None:
    """Not the next one, and no other."""
    assert system == ("debian", "13"), f"mail runs {system}"


@when("the host is measured", target_fixture="measured")
def measure_host(mail: Host) -> Hardware:
    found: Hardware = mail.call(hardware.measure)
    return found


@then(parsers.parse("it has {number:d} processors"))
def has_processors(measured: Hardware, number: int) -> None:
    assert measured["processors"] == number, f"mail has {measured}"


@then(parsers.parse("it has {memory:d} GB of memory and {disk:d} GB of disk"))
def has_size(measured: Hardware, target: Target, memory: int, disk: int) -> None:
    """What is sold as a GB may be 10^9 or 2^30 bytes."""
    least = memory * GB * (1 - KERNEL_SHARE), disk * GB
    smaller = measured["memory"] < least[0] or measured["disk"] < least[1]
    if smaller and target.resettable:
        pytest.skip(
            f"the lab is smaller: {measured['memory'] / GB:.1f} GB of memory and {measured['disk'] / GB:.0f} GB of disk"
        )
    most = memory * 2**30, disk * 2**30
    assert not smaller, f"mail is smaller than {memory} GB and {disk} GB: {measured}"
    assert measured["memory"] <= most[0], f"mail has more memory than was ordered: {measured}"
    assert measured["disk"] <= most[1], f"mail has a larger disk than was ordered: {measured}"


# The order


@dataclass(frozen=True)
class Order:
    """What Vultr says of the server, as `vultr.py order` prints it, and the folder with the operator's settings."""

    told: dict[str, Any]
    settings: Path
    key: Path


@when("the order is looked up at Vultr", target_fixture="order")
def look_up(target: Target, evidence: Recorder, request: pytest.FixtureRequest) -> Order:
    """In the lab at the stand-in, after deploying; else in the operator's own account."""
    if target.resettable:
        deployed = has_deployed(request.getfixturevalue("first"), evidence)
        environment: Mapping[str, str] = deployed.environment
        address = deployed.api.account.offer.address
        folder, key = deployed.terraform_folder, deployed.folder / "home/.ssh/id_ed25519.pub"
    else:
        if not os.environ.get(API_KEY):
            pytest.skip(f"{API_KEY} is not set, so Vultr cannot be asked; its key may be one that only reads")
        redactor.register(os.environ[API_KEY])
        environment, address, folder = os.environ, target.text("public_address"), TERRAFORM
        key = targets.resolve(target.text("admin_public_key_file"))
    done = process.run(
        [sys.executable, "-B", str(folder / "vultr.py"), "order", address], timeout=ORDER_SECONDS, env=environment
    )
    evidence.program("runner", "terraform/vultr.py order", done)
    assert done.exit_status == 0, f"Vultr says nothing of the server at {address}: {done.stderr}"
    return Order(json.loads(done.stdout), folder, key)


@then(parsers.parse('it is one server of the plan "{plan}" with "{system}"'))
def is_one_server(order: Order, plan: str, system: str) -> None:
    server = order.told["server"]
    assert (server["plan"], server["os"]) == (plan, system), f"the server at Vultr: {server}"
    assert order.told["same_label"] == 1, f"{order.told['same_label']} servers at Vultr are called {server['label']}"


@then("it is in the place that the operator chose")
def is_in_place(order: Order) -> None:
    """As terraform.tfvars says, or the file that was written when the server was taken over."""
    adopted = order.settings / "adopted.auto.tfvars.json"
    chosen = order.settings / "terraform.tfvars"
    if adopted.exists():
        wanted = json.loads(adopted.read_text(encoding="utf-8"))["region"]
    elif chosen.exists() and (found := REGION.search(chosen.read_text(encoding="utf-8"))):
        wanted = found[1]
    else:
        pytest.skip("the settings of the order are not on this machine: terraform/terraform.tfvars")
    assert order.told["server"]["region"] == wanted, f"the server at Vultr: {order.told['server']}"


@then(parsers.parse("backups of the whole disk are ordered for every day at {hour:d}:00 UTC"))
def backups_ordered(order: Order, hour: int) -> None:
    schedule = order.told["schedule"]
    assert (schedule["enabled"], schedule["type"], schedule["hour"]) == (True, "daily", hour), (
        f"the schedule at Vultr: {schedule}"
    )
    assert "auto_backups" in order.told["server"]["features"], f"the server at Vultr: {order.told['server']}"


@then("Vultr's firewall lets in nothing but ICMP, and SSH from a few networks")
def few_doors(order: Order, target: Target) -> None:
    """After task 1.3.4 from none at all."""
    rules = order.told["rules"]
    assert rules is not None, "the server is in no firewall group of Vultr's"
    doors = {("tcp", target.text(name)) for name in ("ssh_port_fresh", "ssh_port")}
    tried = (rule for rule in rules if rule["protocol"] != "icmp")
    wide = [
        rule
        for rule in tried
        if (rule["protocol"], rule["port"]) not in doors or rule["subnet_size"] < WIDEST[rule["ip_type"]]
    ]
    assert not wide, f"Vultr's firewall lets in more than ICMP, and SSH from a few networks: {wide}"


@then("the account has the operator's SSH key")
def account_has_key(order: Order) -> None:
    mine = order.key.read_text(encoding="utf-8").split()[:2]
    assert mine in [key.split()[:2] for key in order.told["keys"]], f"no SSH key at Vultr is that of {order.key.name}"


def our_server(deployed: Deployment) -> dict[str, Any]:
    """The account's one server, or the one from the portal among those of others."""
    there = deployed.api.account.servers
    ours = [each for each in there.values() if len(there) == 1 or each["label"] == PORTAL]
    assert len(ours) == 1, f"the account has {len(there)} servers: {there}"
    return ours[0]


@then(parsers.parse('the account has one server of the plan "{plan}" with "{system}"'))
def one_server(deployed: Deployment, plan: str, system: str) -> None:
    server = our_server(deployed)
    assert (server["plan"], server["os"]) == (plan, system), f"the server at Vultr: {server}"


@then("the server lets in the operator's SSH key")
def lets_key_in(deployed: Deployment) -> None:
    keys = [deployed.api.account.keys[number]["ssh_key"] for number in our_server(deployed)["sshkey_id"]]
    mine = (deployed.folder / "home/.ssh/id_ed25519.pub").read_text(encoding="utf-8").strip()
    assert keys == [mine], f"the server lets in {keys}, the operator's key is {mine}"


@then("its firewall lets in SSH from the operator's networks, and else nothing but ICMP")
def firewall_rules(deployed: Deployment, target: Target) -> None:
    """Rule by rule, for both of SSH's ports."""
    rules = deployed.api.account.rules[our_server(deployed)["firewall_group_id"]].values()
    found = sorted(f"{rule['protocol']} {rule['port']} {rule['subnet']}/{rule['subnet_size']}" for rule in rules)
    ports = target.text("ssh_port_fresh"), target.text("ssh_port")
    doors = [f"tcp {port} {network}" for network in sandbox.ADMIN_NETWORKS for port in ports]
    assert found == sorted([*doors, "icmp  0.0.0.0/0", "icmp  ::/0"]), f"the firewall at Vultr: {found}"


@then(parsers.parse("the whole disk is backed up every day at {hour:d}:00 UTC"))
def backed_up(deployed: Deployment, hour: int) -> None:
    schedule = deployed.api.account.schedules[our_server(deployed)["id"]]
    found = schedule["enabled"], schedule["type"], schedule["hour"]
    assert found == (True, "daily", hour), f"the schedule at Vultr: {schedule}"


def deploy_mistake(deployed: Deployment, mistake: str) -> Finished:
    """Everything else is right."""
    deployed.write_settings(**MISTAKES[mistake])
    return deployed.deploy()


def deploy_change(deployed: Deployment, change: str) -> Finished:
    """And answer yes to any plan."""
    CHANGES[change](deployed)
    return deployed.deploy()


DEPLOYMENTS: dict[str, Callable[[Deployment, str], Finished]] = {
    "with the mistake": deploy_mistake,
    "after the change": deploy_change,
    "and answers": lambda deployed, answer: deployed.deploy(answer=answer),
    "while": lambda deployed, fault: faults.FAULTS[fault](deployed),
    "and": lambda deployed, fault: faults.FAULTS[fault](deployed),
}


@when(parsers.re(f'the operator deploys (?P<how>{"|".join(DEPLOYMENTS)}) "(?P<what>.*)"'), target_fixture="done")
def operator_deploys(run: Deploy, deployed: Deployment, how: str, what: str, holdings: Servers) -> Finished:
    del holdings
    return run(deployed, lambda chosen: DEPLOYMENTS[how](chosen, what))


OUTCOMES = {"succeeds": 0, "ends without confirmation": NOT_CONFIRMED, "refuses the plan": REFUSED}


@then(parsers.re(f"deploying (?P<outcome>{'|'.join(OUTCOMES)})"))
def deploying_ends(done: Finished, outcome: str) -> None:
    """Each outcome has its own exit status."""
    assert done.exit_status == OUTCOMES[outcome], f"deploy.sh: {done}"


def succeeds(done: Finished) -> None:
    """Assert that deploying came to its end."""
    deploying_ends(done, "succeeds")


@then(parsers.re("Vultr was (?P<how>not asked at all|only asked to read)"))
def vultr_was_asked(deployed: Deployment, how: str) -> None:
    """Since the account exists; a request that is no GET would change something."""
    calls = deployed.api.calls
    changing = [call for call in calls if call.method != "GET"]
    assert bool(calls) == (how == "only asked to read"), f"Vultr was asked: {'; '.join(map(str, calls))}"
    assert not changing, f"Vultr was told to change something: {', '.join(map(str, changing))}"


@then(parsers.re('the inventory of "(?P<name>.*)" (?P<verb>has|lacks) the addresses of the server'))
def inventory_addresses(deployed: Deployment, name: str, verb: str) -> None:
    """As Ansible reads it; in every inventory the host has the same name."""
    inventory, offer = targets.load(name, deployed.folder), deployed.api.account.offer
    addresses = inventory.text("public_address"), inventory.text("public_address6")
    same = [number == offered for number, offered in zip(addresses, (offer.address, offer.address6), strict=True)]
    assert same == [verb == "has"] * 2, f"the inventory of {name} has {addresses}"


@pytest.fixture
def deployed(opened: ExitStack, tmp_path: Path) -> Deployment:
    """A deployment before its first use, unless a step makes another one."""
    return empty_account(opened, tmp_path)


@then(parsers.re(r'deploying fails and (names|says) "(?P<words>.*)"'))
def fails_with(done: Finished, words: str) -> None:
    """In words that a person can act on."""
    assert done.exit_status not in (0, 124), f"deploy.sh ended with {done.exit_status}: {done}"
    assert words in done.stderr, f"deploy.sh does not speak of {words!r}: {done}"


@then(parsers.parse('deploying says "{words}"'))
def says(done: Finished, words: str) -> None:
    """However it ended."""
    assert words in done.stderr, f"deploy.sh does not speak of {words!r}: {done}"


@then("nothing was ordered")
def nothing_ordered(deployed: Deployment) -> None:
    """Neither a server nor anything else."""
    held = deployed.api.account.holdings()
    assert not any(held.values()), f"the account holds {held}"


# What is left behind


@when(parsers.re("the operator deploys again(?P<silent>, and is asked nothing)?"), target_fixture="done")
def deploy_again(run: Deploy, deployed: Deployment, silent: str | None) -> Finished:
    """Silent: nothing could be read as an answer. Otherwise the operator answers yes to any plan."""
    return run(deployed, lambda chosen: chosen.deploy(answer="") if silent else chosen.deploy())


@then("no other user can read a file with a credential or an address")
def private_files(deployed: Deployment) -> None:
    """Each that was not there before deploying, but for Terraform's own copy of the provider and its checksum."""
    made = [*deployed.terraform_folder.glob("*.tfstate*"), *deployed.secrets.rglob("*"), deployed.server_file]
    assert {"terraform.tfstate", "address", "root_password"} <= {path.name for path in made}, f"there are only {made}"
    open_files = [f"{path.name} {path.stat().st_mode & 0o777:o}" for path in made if path.stat().st_mode & 0o077]
    assert not open_files, f"others can read: {', '.join(open_files)}"


@then("the first password is kept, and was not shown")
def password_kept(deployed: Deployment, first: tuple[Deployment, Finished]) -> None:
    password = deployed.api.account.offer.password
    kept = (deployed.secrets / "root_password").read_text(encoding="utf-8").strip()
    assert kept == password, "the file does not hold the password that Vultr told"
    assert password not in first[1].stdout + first[1].stderr, "deploy.sh showed the password"


@then("the API key is in no file and in no output")
def key_nowhere(deployed: Deployment, first: tuple[Deployment, Finished]) -> None:
    files = (path for path in deployed.folder.rglob("*") if path.is_file() and "providers" not in path.parts)
    holding = [path.name for path in files if deployed.key.encode() in path.read_bytes()]
    assert not holding, f"the API key is in {', '.join(holding)}"
    assert deployed.key not in first[1].stdout + first[1].stderr, "deploy.sh showed the API key"


# What is refused


@when("a person tells Terraform to destroy everything", target_fixture="done")
def destroy_all(run: Deploy, deployed: Deployment) -> Finished:
    """Without being asked whether that is meant."""
    return run(deployed, lambda chosen: chosen.terraform("destroy", "-auto-approve", "-no-color"))


@then("Terraform gives the reason")
def terraform_gives_reason(done: Finished) -> None:
    """The setting that protects the server."""
    assert "prevent_destroy" in done.stderr, f"Terraform: {done}"


@then("the server is still there")
def still_there(deployed: Deployment) -> None:
    """The one that was there before."""
    assert our_server(deployed)["id"] == deployed.state()["vultr_instance.mail"]["id"]


# What goes wrong


@then("nothing has changed")
def nothing_changed(deployed: Deployment, holdings: Servers) -> None:
    """Neither at Vultr nor in the state, which still knows the server."""
    assert deployed.api.account.holdings() == holdings
    still_there(deployed)


@then("as soon as that is over, deploying succeeds")
def succeeds_afterwards(run: Deploy, deployed: Deployment) -> None:
    faults.over(deployed)
    succeeds(run(deployed, Deployment.deploy))


@then(parsers.re("(after that, )?deploying again goes on with the same server"))
def goes_on(run: Deploy, deployed: Deployment) -> None:
    """And with all that belongs to it."""
    before = our_server(deployed)["id"]
    faults.over(deployed)
    succeeds(run(deployed, Deployment.deploy))
    assert our_server(deployed)["id"] == before, "another server is there now"
    backed_up(deployed, 2)
    assert deployed.server_file.exists(), "the inventory does not know the server"


@when("the machine dies while the server is made")
def machine_dies(deployed: Deployment) -> None:
    faults.died(deployed)


@then("deploying names the forgotten server, and how to take it over")
def names_forgotten(run: Deploy, deployed: Deployment, done: Finished) -> None:
    """The command it names is carried out."""
    number = our_server(deployed)["id"]
    deploying_ends(done, "refuses the plan")
    assert f"deploy.sh adopt {number}" in done.stderr, f"deploy.sh: {done}"
    succeeds(run(deployed, lambda chosen: chosen.adopt(number)))


@then("the message names the surplus server")
def names_second(deployed: Deployment, done: Finished) -> None:
    """The other one is in the state."""
    known = deployed.state()["vultr_instance.mail"]["id"]
    others = [number for number in deployed.api.account.servers if number != known]
    assert others, "the account has one server: no answer was lost"
    assert all(number in done.stderr for number in others), f"deploy.sh does not name {others}: {done}"
