"""The scan of every TCP port by an outsider: it takes long, so it starts early and runs beside other work."""

from collections.abc import Mapping

from testinfra.host import Host

from proof.readings import nmap

# No name look-up, no ping before, raw SYN packets in frames of its own; a port gets a second chance and no more.
OPTIONS = ("-n", "-Pn", "-sS", "--send-eth", "-T5", "--max-retries", "1", "--min-rate", "20000")
POLITE = ("nice", "-n", "19")  # what else the place's machine does goes first
EVERY_PORT = "-"  # as nmap says it: 1 to 65535
FAMILIES = ("IPv4", "IPv6")
LONGEST = 180.0
DOCUMENT = "<?xml "


class OutsiderScan:
    """Scans of one host, one after the other, which begin when this is made.

    Args:
        outsider: the place to scan from.
        addresses: family (IPv4, IPv6) to the address to scan.
        ports: as nmap's option -p takes them.
    """

    def __init__(self, outsider: Host, addresses: Mapping[str, str], ports: str = EVERY_PORT) -> None:
        self._families = tuple(addresses)
        argvs = [
            (*POLITE, "nmap", *(("-6",) if family == "IPv6" else ()), *OPTIONS, f"-p{ports}", "-oX", "-", address)
            for family, address in addresses.items()
        ]
        commands = "; ".join(" ".join(["%s"] * len(argv)) for argv in argvs)
        self._running = outsider.start(commands, *(word for argv in argvs for word in argv), timeout=LONGEST)

    def result(self, family: str) -> nmap.Scan:
        """The finished scan of a family; waits for all of them.

        Raises:
            TimeLimitError: they did not end.
            NothingToReadError: it ended without a result; the message shows the end of its report.
        """
        reports = self._running.result().stdout.split(DOCUMENT)[1:]
        found = dict(zip(self._families, reports, strict=False))
        return nmap.parse(DOCUMENT + found[family] if family in found else "")
