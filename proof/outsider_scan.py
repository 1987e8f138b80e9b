"""The scan of every TCP port by an outsider: it takes long, so it starts early and runs beside other work."""

import time
from collections.abc import Mapping

from testinfra.host import Host

from proof.readings import nmap
from proof.waits import wait_until

# No name look-up, no ping before, raw SYN packets; a port gets a second chance and no more.
OPTIONS = ("-n", "-Pn", "-sS", "-T5", "--max-retries", "1", "--min-rate", "8000")
EVERY_PORT = "-"  # as nmap says it: 1 to 65535
FAMILIES = ("IPv4", "IPv6")
FOLDER = "/run"
LONGEST = 150.0


class OutsiderScan:
    """Scans of one host from the outsider's place, as transient units of the hub.

    Args:
        hub: the machine that the outsider's place is on.
        prefix: argument list that leads a command into the place.
        addresses: family (IPv4, IPv6) to the address to scan.
        ports: as nmap's option -p takes them.
    """

    def __init__(
        self, hub: Host, prefix: tuple[str, ...], addresses: Mapping[str, str], ports: str = EVERY_PORT
    ) -> None:
        self._hub = hub
        self._results: dict[str, nmap.Scan] = {}
        run = f"port-scan-{time.time_ns()}"
        self._units = {family: f"{run}-{family.lower()}" for family in addresses}
        for family, address in addresses.items():
            flag = ("-6",) if family == "IPv6" else ()
            argv = (*prefix, "nmap", *flag, *OPTIONS, f"-p{ports}", "-oX", self._report(family), address)
            words = " ".join(["%s"] * len(argv))
            hub.run_expect(
                [0],
                f"systemd-run --quiet --collect --unit=%s --property=StandardOutput=null {words}",
                self._units[family],
                *argv,
            )

    def result(self, family: str) -> nmap.Scan:
        """The finished scan of a family; waits for it.

        Raises:
            WaitTimeoutError: the scan does not end.
            ValueError: it ended without a result; the message shows the end of its report.
        """
        if family not in self._results:
            unit = self._units[family]
            wait_until(lambda: not self._hub.service(unit).is_running, f"the {family} scan to end", LONGEST)
            report = self._hub.file(self._report(family))
            self._results[family] = nmap.parse(report.content_string if report.exists else "")
            self._hub.run("rm -f %s", report.path)
        return self._results[family]

    def _report(self, family: str) -> str:
        return f"{FOLDER}/{self._units[family]}.xml"
