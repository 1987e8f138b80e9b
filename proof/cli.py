"""The commands `lab`, with those of its commands that prove something, and `proof`."""

import sys

from lab import cli
from lab.cli import Extension
from proof.docs import commands as evidence
from proof.faults import bisect, harmless, sabotage, soak, watch
from proof.rehearsal import run as rehearsal
from proof.watch import commands as watching
from proof.whole_host import reference

EXTENSIONS = {
    "bisect": Extension("Find the task after which a criterion is red.", bisect.main),
    "harmless": Extension("Make one change of daily life at a time; nothing may turn red.", harmless.main),
    "rehearse": Extension("Run the suite against the lab as if it were the production host.", rehearsal.main),
    "sabotage": Extension("Inject one fault at a time; its criterion must turn red.", sabotage.main),
    "soak": Extension("Run the scenarios in random order, thousands of times; none may fail.", soak.main),
    "watch": Extension("On every save, run the scenarios that the change affects.", watch.main),
}
OF_PROOF = {
    "watch": Extension("Prove a host on schedule, and be told what changed.", watching.main),
    "declare": Extension("Declare an addition to the production hosts that is meant.", watching.declare),
}


def main() -> int:
    """Run one command of `lab`. Returns the exit status."""
    return cli.main(extensions=EXTENSIONS, after_up=reference.require)


def proof() -> int:
    """Run one command of `proof`. Returns the exit status."""
    return evidence.main(extensions=OF_PROOF)


if __name__ == "__main__":
    sys.exit(main())
