"""The scan of every TCP port by an outsider. It takes long, so it starts early and runs in the background."""

from collections.abc import Mapping

from testinfra.host import Host

from proof.hosts.target import Target
from proof.parsers import nmap

# No name look-up, no ping before, raw SYN packets; a port gets a second chance and no more.
OPTIONS = ("-n", "-Pn", "-sS", "--max-retries", "1")
# The lab's own segment. The timeouts also bound the question for the host's hardware address, which a busy host answers
# late; the scan itself does not wait for them, because of its rate.
FAST = ("--send-eth", "-T5", "--min-rate", "20000", "--initial-rtt-timeout", "2s", "--max-rtt-timeout", "3s")
TRIES = 2  # packets that a silent port gets
PORTS = 65_535
POLITE = ("nice", "-n", "19")  # what else the place's machine does goes first
EVERY_PORT = "-"  # as nmap says it: 1 to 65535
FAMILIES = ("IPv4", "IPv6")
LONGEST = 180.0  # seconds beyond what the packets of a bounded rate take
DOCUMENT = "<?xml "


def bound(target: Target) -> int | None:
    """Packets a second that a scan of this target may send at most; None if its inventory sets no bound."""
    return target.number("scan_packets_per_second") if "scan_packets_per_second" in target.variables else None


class OutsiderScan:
    """Scans of one host, one after the other, which begin when this is made.

    Args:
        outsider: the place to scan from.
        addresses: family (IPv4, IPv6) to the address to scan.
        ports: as nmap's option -p takes them.
        rate: packets a second that the scan sends, no more; None if no one is in the way.
    """

    def __init__(
        self, outsider: Host, addresses: Mapping[str, str], ports: str = EVERY_PORT, rate: int | None = None
    ) -> None:
        # Both bounds: left to itself, nmap waits longer and longer for a host that never answers.
        speed = ("--min-rate", str(rate), "--max-rate", str(rate)) if rate else FAST
        longest = LONGEST + (TRIES * PORTS * len(addresses) / rate if rate else 0.0)
        self._families = tuple(addresses)
        argvs = [
            (
                *POLITE,
                "nmap",
                *(("-6",) if family == "IPv6" else ()),
                *OPTIONS,
                *speed,
                f"-p{ports}",
                "-oX",
                "-",
                address,
            )
            for family, address in addresses.items()
        ]
        commands = "; ".join(" ".join(["%s"] * len(argv)) for argv in argvs)
        self._running = outsider.start(commands, *(word for argv in argvs for word in argv), timeout=longest)

    def result(self, family: str) -> nmap.Scan:
        """The finished scan of a family; waits for all of them.

        Raises:
            TimeLimitError: they did not end.
            NothingToReadError: it ended without a result; the message shows the end of its report.
        """
        reports = self._running.result().stdout.split(DOCUMENT)[1:]
        found = dict(zip(self._families, reports, strict=False))
        return nmap.parse(DOCUMENT + found[family] if family in found else "")
