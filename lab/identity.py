"""Keys of the lab: made once per user and machine, in the cache, because layers contain their other halves."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lab import atomic, tools
from lab.errors import LabError
from lab.locks import hold
from lab.paths import cache


@dataclass(frozen=True)
class WireGuardKeys:
    """A key pair in WireGuard's own form (base64, 44 characters)."""

    private: str
    public: str


@dataclass(frozen=True)
class Identity:
    """The runner's SSH key, and the WireGuard keys of both ends."""

    ssh_key: Path
    mail: WireGuardKeys
    hub: WireGuardKeys

    @property
    def ssh_public_key(self) -> str:
        """One line for authorized_keys."""
        return self.ssh_key.with_suffix(".pub").read_text().strip()

    @property
    def fingerprint(self) -> str:
        """Changes when any key changes; reveals no secret."""
        public = f"{self.ssh_public_key} {self.mail.public} {self.hub.public}"
        return hashlib.sha256(public.encode()).hexdigest()


def _wireguard_keys() -> WireGuardKeys:
    key = X25519PrivateKey.generate()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return WireGuardKeys(base64.b64encode(private).decode(), base64.b64encode(public).decode())


def ensure() -> Identity:
    """The identity of this user's labs; made if it is missing. Raises LabError."""
    folder = cache() / "identity"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ssh_key, wireguard = folder / "id_ed25519", folder / "wireguard.json"
    with hold(folder):
        if not _whole(ssh_key):
            ssh_key.unlink(missing_ok=True)
            tools.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mail-lab runner", "-f", ssh_key],
                "Making the lab's SSH key",
            )
        if not wireguard.exists():
            pairs = {"mail": asdict(_wireguard_keys()), "hub": asdict(_wireguard_keys())}
            atomic.write(wireguard, json.dumps(pairs), mode=0o600)
    try:
        known = json.loads(wireguard.read_text())
        return Identity(ssh_key, WireGuardKeys(**known["mail"]), WireGuardKeys(**known["hub"]))
    except (ValueError, TypeError, KeyError) as error:
        raise LabError(f"The lab's keys in {wireguard} are damaged.", f"rm {wireguard}, then run again") from error


def _whole(ssh_key: Path) -> bool:
    """Whether both halves were written; a power loss can leave them empty."""
    return all(half.is_file() and half.stat().st_size > 0 for half in (ssh_key, ssh_key.with_suffix(".pub")))
