"""The command `lab`, with the commands of the proof: `bisect`, `harmless`, `rehearse` and `sabotage`."""

import sys

from lab import cli
from lab.cli import Extension
from proof.faults import bisect, harmless, sabotage
from proof.rehearsal import run as rehearsal
from proof.whole_host import reference

EXTENSIONS = {
    "bisect": Extension("Find the task after which a criterion is red.", bisect.main),
    "harmless": Extension("Make one change of daily life at a time; nothing may turn red.", harmless.main),
    "rehearse": Extension("Run the suite against the lab as if it were the production host.", rehearsal.main),
    "sabotage": Extension("Inject one fault at a time; its criterion must turn red.", sabotage.main),
}


def main() -> int:
    """Run one command of `lab`. Returns the exit status."""
    return cli.main(extensions=EXTENSIONS, after_up=reference.require)


if __name__ == "__main__":
    sys.exit(main())
