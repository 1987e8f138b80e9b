"""The scan of every TCP port by an outsider: it takes long, so it starts early and runs beside other work."""

from collections.abc import Mapping

from testinfra.host import Host

from proof.readings import nmap

# No name look-up, no ping before, raw SYN packets; a port gets a second chance and no more.
OPTIONS = ("-n", "-Pn", "-sS", "-T5", "--max-retries", "1", "--min-rate", "8000")
EVERY_PORT = "-"  # as nmap says it: 1 to 65535
FAMILIES = ("IPv4", "IPv6")
LONGEST = 180.0


class OutsiderScan:
    """Scans of one host, side by side, which begin when this is made.

    Args:
        outsider: the place to scan from.
        addresses: family (IPv4, IPv6) to the address to scan.
        ports: as nmap's option -p takes them.
    """

    def __init__(self, outsider: Host, addresses: Mapping[str, str], ports: str = EVERY_PORT) -> None:
        self._running = {}
        for family, address in addresses.items():
            flag = ("-6",) if family == "IPv6" else ()
            argv = ("nmap", *flag, *OPTIONS, f"-p{ports}", "-oX", "-", address)
            words = " ".join(["%s"] * len(argv))
            self._running[family] = outsider.start(words, *argv, timeout=LONGEST)

    def result(self, family: str) -> nmap.Scan:
        """The finished scan of a family; waits for it.

        Raises:
            TimeLimitError: the scan did not end.
            NothingToReadError: it ended without a result; the message shows the end of its report.
        """
        return nmap.parse(self._running[family].result().stdout)
