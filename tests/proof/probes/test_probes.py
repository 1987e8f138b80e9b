"""What runs on a host itself: it finds what it looks for on a machine that has it, this one."""

import os
import socket
from pathlib import Path

import pytest

from proof.probes import capture, listener, secret_copies


def test_a_stray_service_answers_until_it_is_closed() -> None:
    port = listener.open_port()
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    listener.close(port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_copies_of_a_key_are_found_where_others_can_read_them(tmp_path: Path) -> None:
    key = "c2VjcmV0LWtleS1vZi1ub2JvZHktYXQtYWxsLTEyMzQ="
    settings = tmp_path / "wg0.conf"
    settings.write_text(f"[Interface]\nPrivateKey = {key}\n")
    settings.chmod(0o600)
    (tmp_path / "backup").mkdir()
    copy = tmp_path / "backup" / "notes.txt"
    copy.write_text(f"the key is {key}, do not tell\n")
    copy.chmod(0o644)
    (tmp_path / "backup" / "other.txt").write_text("nothing\n")
    (tmp_path / "backup" / "link").symlink_to(copy)
    found = secret_copies.readable_by_others(str(settings), [str(tmp_path / "backup"), "/nowhere"])
    assert found == [f"{copy} (-rw-r--r--, UID {os.getuid()})"]


def test_settings_without_a_key_are_no_reassurance(tmp_path: Path) -> None:
    (tmp_path / "wg0.conf").write_text("[Interface]\n")
    with pytest.raises(OSError, match="no private key"):
        secret_copies.readable_by_others(str(tmp_path / "wg0.conf"), [str(tmp_path)])


def udp(source: int, destination: int, payload: bytes) -> bytes:
    header = bytes([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17]) + bytes(10)
    return header + source.to_bytes(2, "big") + destination.to_bytes(2, "big") + bytes(4) + payload


@pytest.mark.parametrize(
    ("packet", "readable", "sealed"),
    [
        (udp(51820, 40000, b"gibberish"), 0, 1),
        (udp(40000, 53, b"say pattern aloud"), 1, 0),
        (udp(40000, 51820, b"a pattern in a tunnel"), 1, 1),
        (b"", 0, 0),
        (b"\x45", 0, 0),
    ],
    ids=["ciphertext", "plain text", "both", "nothing", "too short"],
)
def test_packets_are_distinguished(packet: bytes, readable: int, sealed: int) -> None:
    found: dict[str, int | str] = {"packets": 0, "readable": 0, "sealed": 0, "example": ""}
    capture.count(found, (packet, ("eth0", capture.IPV4)), b"pattern", 51820)
    assert (found["packets"], found["readable"], found["sealed"]) == (1, readable, sealed)
