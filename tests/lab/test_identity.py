from pathlib import Path

import pytest

from lab import identity, paths
from lab.errors import LabError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    return tmp_path


def test_keys_are_made_once_and_for_the_owner_alone(cache: Path) -> None:
    first = identity.ensure()
    assert identity.ensure() == first
    assert first.mail != first.hub
    assert len(first.mail.public) == 44
    assert first.ssh_public_key.startswith("ssh-ed25519 ")
    assert (cache / "identity").stat().st_mode & 0o777 == 0o700
    for secret in (first.ssh_key, cache / "identity" / "wireguard.json"):
        assert secret.stat().st_mode & 0o777 == 0o600


def test_a_fingerprint_changes_with_the_keys_and_reveals_none(cache: Path) -> None:
    first = identity.ensure()
    assert first.mail.private not in first.fingerprint
    (cache / "identity" / "wireguard.json").unlink()
    assert identity.ensure().fingerprint != first.fingerprint


@pytest.mark.parametrize("half", ["id_ed25519", "id_ed25519.pub"])
def test_half_a_key_is_made_again(cache: Path, half: str) -> None:
    """A power loss can leave a file empty."""
    first = identity.ensure()
    (cache / "identity" / half).write_text("")
    again = identity.ensure()
    assert again.ssh_public_key not in ("", first.fingerprint)
    assert again.ssh_key.stat().st_size > 0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"mail": {}, "hub": {}}'])
def test_damaged_keys_are_named_with_their_cure(cache: Path, text: str) -> None:
    identity.ensure()
    (cache / "identity" / "wireguard.json").write_text(text)
    with pytest.raises(LabError, match="damaged") as raised:
        identity.ensure()
    assert raised.value.hint.startswith(f"rm {cache}/identity/wireguard.json")


def test_the_folder_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MAIL_LAB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.cache() == tmp_path / "mail-lab"
    monkeypatch.setenv("MAIL_LAB_CACHE", "~/elsewhere")
    assert paths.cache() == Path.home().resolve() / "elsewhere"


def test_every_checkout_has_its_own_short_folder_for_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(paths, "SOCKETS_LINK", tmp_path / "link")
    seen = []
    for root in ("/a", "/b", "/" + "long/" * 60):
        monkeypatch.setattr(paths, "ROOT", Path(root))
        seen.append(paths.sockets())
    assert len(set(seen)) == 3
    assert all(len(str(folder)) < 60 for folder in seen)
