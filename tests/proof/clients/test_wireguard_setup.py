"""The credentials script is watched closely enough to catch one that leaks."""

from pathlib import Path

import pytest

from proof.clients import wireguard_setup

ASK = """IFS= read -r -s -p 'private key: ' a; echo; read -r -p 'public key: ' b; read -rsp 'preshared key: ' c"""
LEAKS = {
    "screen": f'{ASK}; echo "Thank you for $a"',
    "programs": f'{ASK}; expr "$a" : x >/dev/null; true',
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_the_real_script_keeps_what_was_typed_to_itself(home: Path) -> None:
    keys = wireguard_setup.throw_away_keys()
    use = wireguard_setup.type_in(keys, home)
    assert use.status == 0, use.screen
    assert [path.stat().st_mode & 0o777 for path in use.files] == [0o600]
    for text in (use.screen, use.programs, use.history):
        assert not any(secret in text for secret in use.secrets)
    assert wireguard_setup.SCRIPT.name in use.programs
    assert wireguard_setup.SCRIPT.name in use.history


@pytest.mark.parametrize("where", LEAKS)
def test_a_leak_is_seen(where: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "leaky.sh"
    script.write_text(f"#!/usr/bin/env bash\n{LEAKS[where]}\n")
    script.chmod(0o755)
    monkeypatch.setattr(wireguard_setup, "SCRIPT", script)
    use = wireguard_setup.type_in(wireguard_setup.throw_away_keys(), home)
    assert any(secret in getattr(use, where) for secret in use.secrets)


def test_an_early_end_is_no_endless_wait(home: Path) -> None:
    keys = wireguard_setup.throw_away_keys()
    cut = wireguard_setup.Keys(keys.private[:-3], keys.hub_public, keys.preshared)
    use = wireguard_setup.type_in(cut, home)
    assert use.status == 3
    assert use.files == ()
    assert "private key" in use.screen
