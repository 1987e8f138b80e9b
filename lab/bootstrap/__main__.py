"""Prepares this machine and this checkout; silent and quick if there is nothing to do."""

import argparse
import signal
import sys
from types import FrameType

from lab.bootstrap import environment, install, requirements
from lab.errors import EXIT_LAB_BROKEN, LabError

_EXIT_INTERRUPTED = 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Exit status 0 when everything is there."""
    parser = argparse.ArgumentParser(prog="python -m lab.bootstrap", description="Prepare this machine and checkout.")
    parser.add_argument("--tests", action="store_true", help="also what only the unit tests need, such as a browser")
    parser.add_argument("--vagrant", action="store_true", help="also what a lab by Vagrant needs")
    arguments = parser.parse_args()
    tests, vagrant = arguments.tests, arguments.vagrant
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        missing = requirements.missing(tests, vagrant)
        if missing:
            install.packages(missing)
            install.verify(tests, vagrant)
        environment.ensure(tests)
    except KeyboardInterrupt:
        print("\nInterrupted; run make again to go on.", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"\nThe machine refused: {error}.", file=sys.stderr)
        return EXIT_LAB_BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
