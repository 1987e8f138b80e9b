"""The reference: the snapshot of the host that this provisioning makes, taken in the lab, kept for every target."""

import base64
import gzip
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import atomic, stages
from lab.errors import LabError
from lab.paths import BUILD, ROOT
from lab.progress import step
from proof.evidence import provenance
from proof.hosts import target as targets
from proof.hosts.connections import MAIL
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import LAB, Target
from proof.probes import engine, fail2ban, ownership, snapshot
from proof.probes.snapshot.common import Settings
from proof.whole_host import comparison, exceptions, scripts
from proof.whole_host.comparison import HostSnapshot

FOLDER = BUILD / "references"
CHECKOUT = Path(snapshot.__file__).parents[3]  # of this very program
SECONDS = 600.0
KEPT = 5  # references after the same task
MADE_FROM = ("provision", "sql")
# Values that each target has for itself, by the variable of the inventory.
OWN = ("public_address", "public_address6", "hub_address", "internet_probe", "postgres_image")
SERVER = ("postgres_container", "vpn_address", "postgres_port", "postgres_superuser")
# Contents that each target has for itself, or that a section of their own compares (accounts): pattern of the path, and
# what of the content does not count.
WHOLE = r"(?s)\A.*\Z"  # an empty one, too
MASKED = {
    "/boot/initrd.img-*": WHOLE,
    "/etc/ld.so.cache": WHOLE,
    "/etc/machine-id": WHOLE,
    "/etc/hostname": WHOLE,
    "/etc/ssh/ssh_host_*": WHOLE,
    **{f"/etc/{name}{old}": WHOLE for name in ("passwd", "group", "shadow", "gshadow") for old in ("", "-")},
    # Which numbers an account got first depends on the accounts that the image came with.
    **{f"/etc/{name}": r"(?<=:)\d+:\d+$" for name in ("subuid", "subgid")},
    **{f"/etc/{name}-": WHOLE for name in ("subuid", "subgid")},
    "/etc/wireguard/*.conf": r"^(?:PrivateKey|PresharedKey)\s*=.*$",
    "{{ postgres_home }}/.env": r"^POSTGRES_PASSWORD=.*$",
    "{{ postgres_home }}/backups_last_verified": WHOLE,
    "{{ postgres_credentials_file }}": r"^POSTGRES_PASSWORD=.*$",
    "{{ database_service_users_file }}": r"=.*$",
    "{{ database_test_users_file }}": r"=.*$",
    "{{ postgres_home }}/connection_strings/*": r"(?i)(?:passw(?:or)?d\s*[=:]\s*\S+|(?<=:)[^:@/\s]+(?=@))",
}
PROGRAM = """\
import base64, gzip, importlib.util, json, sys
class Modules:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            return importlib.util.spec_from_loader(name, self, is_package=name in PACKAGES)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(SOURCES[module.__name__], module.__name__, "exec"), module.__dict__)
sys.meta_path.insert(0, Modules())
from proof.probes import snapshot
found = json.dumps(snapshot.take(SETTINGS))
sys.stdout.write(base64.b64encode(gzip.compress(found.encode())).decode())
"""


@dataclass(frozen=True)
class Reference:
    """What the provisioning makes: the snapshot after a task, and the layer it was taken from."""

    task: str
    layer: str
    taken: HostSnapshot


def key(folder: Path = FOLDER) -> str:
    """The key of all digests on this machine; made on first use, so that no digest can be guessed from a snapshot."""
    path = folder / "key"
    if not path.exists():
        atomic.write(path, secrets.token_hex(32), mode=0o600)
    return path.read_text(encoding="utf-8").strip()


def settings(target: Target, left_out: list[str], *, rows: bool = False, sections: Sequence[str] = ()) -> Settings:
    """What a snapshot of a target is told.

    Args:
        target: the host.
        left_out: patterns of paths that are not looked at.
        rows: whether rows of tables count.
        sections: those to take; all if none is named.
    """
    values = [[target.text(name), name] for name in OWN if name in target.variables]
    server = [target.text(name) for name in SERVER]
    return Settings(
        left_out=left_out,
        masked=[[target.fill(path), text] for path, text in MASKED.items()],
        values=[*values, *_keys(target)],
        key=key(),
        server=[*server, f"{target.text('postgres_home')}/.env"],
        rows=rows,
        sections=list(sections),
    )


def _keys(target: Target) -> list[list[str]]:
    """The administrator's public key and the hub's, by their variables; what cannot be read is in no file of mail's."""
    found = []
    try:
        path = targets.resolve(target.text("admin_public_key_file"))
        found.append([path.read_text(encoding="utf-8").split()[1], "admin_public_key"])
        found.append([path.read_text(encoding="utf-8").strip().split(maxsplit=2)[2], "admin_key_comment"])
    except (LabError, OSError, IndexError):
        pass
    try:
        credentials = yaml.safe_load(targets.resolve(target.text("wireguard_credentials_file")).read_text("utf-8"))
        found.append([str(credentials["wireguard_hub_public_key"]), "wireguard_hub_public_key"])
    except (LabError, OSError, yaml.YAMLError, KeyError, TypeError):
        pass
    return found


def left_out(target: Target) -> list[str]:
    """Patterns of paths that the comparison with the reference does not look at."""
    excepted = exceptions.merged(exceptions.TIME, exceptions.USE)
    return exceptions.left_out(target, excepted, {**exceptions.OWN_FILES, **exceptions.USED_FILES})


def program_files() -> list[Path]:
    """The modules that take a snapshot."""
    return [
        *(Path(str(each.__file__)) for each in (engine, fail2ban, ownership)),
        *sorted(Path(snapshot.__file__).parent.glob("*.py")),
    ]


def program(wanted: Settings) -> str:
    """A snapshot as one text for a Python of a host that has nothing of ours."""
    names = {"proof": "", "proof.probes": ""}
    for path in program_files():
        module = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
        names[module] = path.read_text(encoding="utf-8")
    packages = ["proof", "proof.probes", "proof.probes.snapshot"]
    return f"SOURCES = {names!r}\nPACKAGES = {packages!r}\nSETTINGS = {dict(wanted)!r}\n{PROGRAM}"


def take_out_of_band(lab: LabControl, wanted: Settings) -> HostSnapshot:
    """A snapshot of the lab's mail, by way of the guest agent. Raises LabError."""
    # By the standard input, as the key of the digests is no argument that others see.
    done = lab.exec(MAIL, ["python3", "-I", "-"], stdin=program(wanted).encode(), timeout=SECONDS)
    if done.exit_status != 0:
        raise LabError(f"No snapshot of mail could be taken: {done.stderr.decode(errors='replace')}")
    found: HostSnapshot = json.loads(gzip.decompress(base64.b64decode(done.stdout)))
    return found


def path_of(task: str, made_from: Mapping[str, str] | None = None, root: Path = ROOT, folder: Path = FOLDER) -> Path:
    """Where the reference of a provisioning after a task is kept, as today's snapshot sees it.

    Args:
        task: its id.
        made_from: the provisioning, as in the provenance of a run; None for today's.
        root: the checkout.
        folder: of all references.
    """
    contents = provenance.contents(root) if made_from is None else made_from
    seen = provenance.content_hash([*program_files(), *Path(__file__).parent.glob("*.py")], CHECKOUT)
    return folder / f"{'-'.join([*(contents[name] for name in MADE_FROM), seen, task])}.json"


def read(task: str, made_from: Mapping[str, str] | None = None) -> Reference | None:
    """The reference of a provisioning, today's if none is given, after a task; None if none can be read."""
    try:
        kept = json.loads(path_of(task, made_from).read_text(encoding="utf-8"))
        return Reference(kept["task"], kept["layer"], kept["taken"])
    except (OSError, ValueError, KeyError):
        return None


def read_newest() -> Reference | None:
    """The reference of today's provisioning after its last task; None if there is none that can be read."""
    return read(stages.tasks()[-1])


def require(lab: LabControl) -> None:
    """Take the reference of the task that the lab was brought to, unless it was taken; resets the lab for it.

    Raises:
        LabError: no snapshot could be taken.
    """
    origin = lab.origin()
    task, layer = origin.get("task", ""), origin.get("layer", "")
    if task not in stages.tasks():
        return  # a bare lab, to which nothing was applied
    known = read(task)
    if known is not None and known.layer == layer:
        return
    target = targets.load(LAB)
    with step(f"Take the reference of the whole host after {task}", expected=20, key="reference"):
        lab.reset()
        taken = take_out_of_band(lab, settings(target, left_out(target)))
    path = path_of(task)
    atomic.write(path, json.dumps({"task": task, "layer": layer, "taken": taken}), mode=0o600)
    earlier = sorted(path.parent.glob(f"*-{task}.json"), key=lambda old: old.stat().st_mtime)
    for old in earlier[:-KEPT]:
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class Change:
    """How the hosts of two provisionings differ: a line for each difference, none if they are the same.

    `scripts` are the paths of the scripts whose content differs, if nothing else does; None if more does.
    """

    differences: tuple[str, ...] = ()
    scripts: frozenset[str] | None = frozenset()


def changed_since(made_from: Mapping[str, str], now: Mapping[str, str] | None = None) -> Change | None:
    """How the host that a provisioning makes differs from that of an earlier one.

    Args:
        made_from: the earlier one, as in the provenance of a run.
        now: the other one; None for today's.

    Returns:
        None if one of the two hosts is not known on this machine.
    """
    task = stages.tasks()[-1]
    before, after = read(task, made_from), read(task, now)
    if before is None or after is None:
        return None
    excepted = exceptions.merged(exceptions.TIME, exceptions.MADE)
    found = comparison.differences(before.taken, after.taken, excepted)
    both = sorted({*scripts.own(before.taken)}.intersection(scripts.own(after.taken)))
    return Change(tuple(map(str, found)), scripts.changed(found, both))
