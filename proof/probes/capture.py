"""Captures packets on interfaces while a command runs: was a pattern ever on the wire in clear text?"""

import fcntl
import select
import socket
import struct
import subprocess
import time

EVERY_PROTOCOL = 3  # ETH_P_ALL
IPV4 = 0x0800
UDP = 17
LONGEST = 65535
SIOCGIFADDR = 0x8915
QUIET_SECONDS = 0.3


def interface_with(address: str) -> str:
    """Name of the interface that has an IPv4 address; empty if none has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)
            except OSError:
                continue  # an interface without an IPv4 address
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return ""


def listen_while(
    argv: list[str], pattern: bytes, interfaces: list[str], port: int, timeout: float
) -> dict[str, dict[str, int | str]]:
    """Run a command and in the meantime read every packet on some interfaces.

    Args:
        argv: the command that makes the traffic.
        pattern: bytes that would give the traffic away.
        port: UDP port of the ciphertext.
        timeout: seconds that the command may take.

    Returns:
        For each interface: `packets` seen, how many were `readable` (held the pattern), how many were
        `sealed` (UDP from or to the port), and the hexadecimal beginning of a readable one as `example`.
        Under the empty name: the command's `status` and what it `said`.
    """
    sockets = {}
    for name in interfaces:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY_PROTOCOL))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        raw.bind((name, EVERY_PROTOCOL))
        sockets[raw] = name
    seen: dict[str, dict[str, int | str]] = {
        name: {"packets": 0, "readable": 0, "sealed": 0, "example": ""} for name in interfaces
    }
    speaker = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select(list(sockets), [], [], QUIET_SECONDS)
            for raw in ready:
                count(seen[sockets[raw]], raw.recvfrom(LONGEST), pattern, port)
            if not ready and speaker.poll() is not None:
                break
    finally:
        if speaker.poll() is None:
            speaker.kill()
        said, _ = speaker.communicate()
        for raw in sockets:
            raw.close()
    seen[""] = {"status": speaker.returncode, "said": said.decode(errors="replace")}
    return seen


def count(found: dict[str, int | str], received: tuple[bytes, tuple[str, int]], pattern: bytes, port: int) -> None:
    """Add one received packet, with the address that came with it, to what was found."""
    packet, (_, protocol, *_) = received
    found["packets"] = int(found["packets"]) + 1
    if pattern in packet:
        found["readable"] = int(found["readable"]) + 1
        found["example"] = packet[:64].hex()
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if protocol != IPV4 or len(packet) < header + 4 or packet[9] != UDP:
        return
    if port in struct.unpack("!HH", packet[header : header + 4]):
        found["sealed"] = int(found["sealed"]) + 1
