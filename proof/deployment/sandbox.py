"""A copy of terraform/ with its own state and home folder, in front of a stand-in of Vultr's API.

Nothing of the operator's is used: neither the API key nor the state nor the SSH key, and no packet leaves the machine.
"""

import copy
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.paths import PROVISION, TERRAFORM
from proof import process
from proof.deployment import sources, terraform
from proof.process import Finished
from proof.vultr.account import Account
from proof.vultr.api import Api
from proof.vultr.endpoint import Endpoint

RUN_SECONDS = 300.0
ADMIN_NETWORKS = ("192.0.2.7/32", "2001:db8::/64")
VARIABLES = {"region": "dfw", "admin_networks": list(ADMIN_NETWORKS)}


@dataclass(frozen=True)
class Deployment:
    """A copy of terraform/ and of the inventory in `folder`, and the API that it is led to.

    `key` is the account's API key, which no output may show.
    """

    folder: Path
    endpoint: Endpoint
    key: str = field(repr=False)

    @property
    def api(self) -> Api:
        """The API that answers, with all that the account holds."""
        return self.endpoint.api

    @property
    def terraform_folder(self) -> Path:
        """Where deploy.sh lies."""
        return self.folder / TERRAFORM.name

    @property
    def secrets(self) -> Path:
        """Where deploy.sh keeps credentials."""
        return self.terraform_folder / "secrets"

    @property
    def inventory(self) -> Path:
        """The copy of the inventory."""
        return self.folder / PROVISION.name / "inventory"

    @property
    def server_file(self) -> Path:
        """Where deploy.sh writes the addresses for the inventory."""
        return self.inventory / "group_vars" / "production" / "server.yml"

    def deploy(self, *options: str, answer: str = "yes", key: str | None = None) -> Finished:
        """Run deploy.sh to its end, `answer` typed once; an empty `key` means that none is set."""
        given = {"VULTR_API_KEY": self.key if key is None else key}
        return self._run([str(self.terraform_folder / "deploy.sh"), *options], given, f"{answer}\n".encode())

    def adopt(self, number: str, answer: str = "yes") -> Finished:
        """Run deploy.sh to take over a server."""
        return self.deploy("adopt", number, answer=answer)

    def begin(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program in the copy, as the head of a session of its own; `yes` is typed, and its output kept."""
        answer = self.folder / "answer"
        answer.write_text("yes\n", encoding="utf-8")
        with (self.folder / "said").open("wb") as said, answer.open("rb") as stdin:
            return subprocess.Popen(
                ["env", "--default-signal=INT", *command],  # as at a terminal, also if this run is a background job
                cwd=self.terraform_folder,
                env=self.environment,
                stdin=stdin,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """What the program that was started has said so far."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    def terraform(self, *arguments: str) -> Finished:
        """Run Terraform itself in the copy."""
        return self._run(["terraform", *arguments], {}, b"")

    def state(self) -> Mapping[str, Any]:
        """Terraform's state, address to attributes of each managed resource."""
        text = (self.terraform_folder / "terraform.tfstate").read_text(encoding="utf-8")
        managed = (each for each in json.loads(text)["resources"] if each["mode"] == "managed")
        return {f"{each['type']}.{each['name']}": each["instances"][0]["attributes"] for each in managed}

    def write_settings(self, **settings: object) -> None:
        """Write terraform.tfvars: what is needed, and what is given here."""
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in {**VARIABLES, **settings}.items())
        (self.terraform_folder / "terraform.tfvars").write_text("".join(lines), encoding="utf-8")

    @property
    def environment(self) -> Mapping[str, str]:
        """All that programs in the copy see."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TF_CLI_ARGS_init": f"-plugin-dir={terraform.providers()}",
            "VULTR_API_KEY": self.key,
            **terraform.QUIET,
            **self.endpoint.environment,
        }

    def _run(self, argv: Sequence[str], given: Mapping[str, str], stdin: bytes) -> Finished:
        environment = {**self.environment, **given}
        return process.run(argv, timeout=RUN_SECONDS, cwd=self.terraform_folder, env=environment, stdin=stdin)


def new_key(deployment: Deployment) -> None:
    """The operator's key pair is another one."""
    (deployment.folder / "home/.ssh/id_ed25519.pub").write_bytes(_public_key())


def forget_server(deployment: Deployment) -> None:
    """Take the server out of the description, as if it had never been there."""
    described = deployment.terraform_folder / "main.tf"
    head, _, _ = described.read_text(encoding="utf-8").partition('resource "vultr_instance"')
    described.write_text(head, encoding="utf-8")
    (deployment.terraform_folder / "outputs.tf").unlink()


@contextmanager
def fresh(folder: Path, account: Account | None = None) -> Iterator[Deployment]:
    """Terraform's folder before its first use, beside an account that holds nothing; `folder` is made."""
    terraform.lay_out(folder, sources.terraform(), sources.provision())
    with beside(folder, account) as deployment:
        yield deployment


@contextmanager
def beside(folder: Path, account: Account | None = None) -> Iterator[Deployment]:
    """The same in a folder where terraform/ lies already, beside an inventory."""
    _own_key(folder)
    key = secrets.token_hex(18).upper()
    with _opened(folder, Api(key, account or Account()), key) as deployment:
        deployment.write_settings()
        yield deployment


def _own_key(folder: Path) -> None:
    keys = folder / "home" / ".ssh"
    keys.mkdir(mode=0o700, parents=True)
    (keys / "id_ed25519.pub").write_bytes(_public_key())


def _public_key() -> bytes:
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return public + b" operator\n"


def colleague(deployment: Deployment) -> Deployment:
    """Another operator of the same account, with a key and a folder of her own that was never used."""
    folder = deployment.folder / "colleague"
    terraform.lay_out(folder, sources.terraform(), sources.provision())
    _own_key(folder)
    made = replace(deployment, folder=folder)
    made.write_settings()
    return made


@contextmanager
def again(earlier: Deployment, folder: Path) -> Iterator[Deployment]:
    """A copy of a deployment as it stands, the account included: what happens to one does not concern the other."""
    shutil.copytree(earlier.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("tls"))
    with _opened(folder, Api(earlier.key, copy.deepcopy(earlier.api.account)), earlier.key) as deployment:
        yield deployment


@contextmanager
def _opened(folder: Path, api: Api, key: str) -> Iterator[Deployment]:
    (folder / "tls").mkdir()
    with Endpoint(api, folder / "tls") as endpoint:
        yield Deployment(folder, endpoint, key)
