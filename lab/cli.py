"""The command `lab`."""

import argparse
import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from lab import box_builder, doctor, identity, inventory, ssh_access, tools, vagrant_box
from lab.errors import EXIT_LAB_BROKEN, EXIT_USAGE, LabError, UsageError
from lab.lab import Lab, Status
from lab.nodes import NODES
from lab.progress import step
from lab.provider import NAMES
from lab.stages import BARE, FRESH

EXIT_CODES = """\
exit status:
  0    done

  1    the lab is not running (status), something is missing (doctor), a sabotage survived
  4    wrong use
  12   the lab or the machine is broken; the message says what to do
  124  a command was not done in time
  130  interrupted; run the same command again
  lab exec and lab ssh pass through the exit status of the command
"""


@dataclass(frozen=True)
class Extension:
    """A command that another package adds: it parses its own arguments, and returns the exit status."""

    help: str
    main: Callable[[Sequence[str]], int]


def main(
    argv: Sequence[str] | None = None,
    extensions: Mapping[str, Extension] = MappingProxyType({}),
    after_up: Callable[[Lab], None] = lambda _: None,
) -> int:
    """Run one command. Returns the exit status; an error becomes one message.

    Args:
        argv: the arguments; those of this process if None.
        extensions: more commands, by name.
        after_up: called with the lab at the end of `lab up`.
    """
    parser = _parser(extensions)
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.name not in extensions:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    arguments.after_up = after_up
    action: Callable[[argparse.Namespace], int] = arguments.action
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    try:
        return action(arguments)
    except LabError as error:
        sys.stderr.write(f"lab: {error}\n")
        return error.exit_status
    except TimeoutError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 124
    except KeyboardInterrupt:
        sys.stderr.write("lab: interrupted; nothing half-made is left, run it again at any time\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        hint = tools.MORE_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        sys.stderr.write(f"lab: {LabError(f'The machine refused: {error}.', hint)}\n")
        return EXIT_LAB_BROKEN


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """Ends with our own status for wrong use."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def _parser(extensions: Mapping[str, Extension]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lab",
        description="The lab: a mail host like production and a WireGuard hub beside it.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")

    def command(name: str, action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(action=action)
        return sub

    sub = command("doctor", _doctor, "Check this machine: what is missing for a lab, and how to get it.")
    sub.add_argument("--json", action="store_true", help="print the findings as JSON")
    sub = command("up", _up, "Bring the lab up: restore the longest valid prefix of layers, provision the rest.")
    sub.add_argument(
        "--until", metavar="TASK", help=f"stop after this task ({BARE}, {FRESH}, 1.2.1, ...); default: all of them"
    )
    by = "provider of the VMs; default: the running lab's provider, else QEMU, else Vagrant"
    sub.add_argument("--provider", choices=NAMES, help=by)
    sub = command("status", _status, "Show what runs, at which task, and what it uses of the machine.")
    sub.add_argument("--json", action="store_true", help="print it as JSON")
    sub = command("ssh", _ssh, "Log in as the administrator, or run one command.")
    sub.add_argument("node", choices=NODES)
    sub.add_argument("command", nargs=argparse.REMAINDER, help="a command instead of a shell")
    sub = command("exec", _exec, "Run a command as root, out of band, even if the guest's network is down.")
    sub.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="kill it after so long (600)")
    sub.add_argument("node", choices=NODES)
    sub.add_argument("command", nargs=argparse.REMAINDER, help="-- COMMAND ARGUMENTS...")
    command("reset", _reset, "Restore memory and disks of both VMs to the end of `lab up`.")
    sub = command("logs", _logs, "Print the console of a node.")
    sub.add_argument("node", choices=NODES)
    command("down", _down, "Stop both VMs; layers stay.")
    command(
        "destroy",
        _destroy,
        "Stop both VMs and remove this checkout's lab; boxes and layers in the cache stay.",
    )
    sub = command("box", _box, "Build the box if it is missing, and print its path.")
    sub.add_argument("--lock", type=Path, metavar="FILE", help="a box.json whose package versions are used")
    packed = "also pack it for the Vagrantfile, and print that path; PROVIDER is libvirt (default) or virtualbox"
    sub.add_argument("--vagrant", nargs="?", const=vagrant_box.LIBVIRT, choices=vagrant_box.FORMS, help=packed)
    sub = command(
        "prune", _prune, "Remove layers that today's provisioning does not need, and boxes that no layer needs."
    )
    sub.add_argument("--keep", type=int, default=0, metavar="N", help="keep the N layers more that were used last")
    for name, extension in extensions.items():
        commands.add_parser(name, help=extension.help, add_help=False).set_defaults(
            action=lambda arguments, run=extension.main: run(arguments.rest)
        )
    return parser


def _doctor(arguments: argparse.Namespace) -> int:
    findings = doctor.examine()
    if arguments.json:
        print(json.dumps([finding.as_json() for finding in findings], indent=1))
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("", "what", "found", "cure"):
            table.add_column(title, overflow="fold")
        for each in findings:
            table.add_row(
                {"ok": "ok", "warning": "note", "error": "MISSING"}[each.level],
                each.subject,
                each.message,
                each.hint,
            )
        Console().print(table)
    return 1 if any(finding.level == "error" for finding in findings) else 0


def _up(arguments: argparse.Namespace) -> int:
    lab = Lab.of_checkout(arguments.provider)
    lab.up(arguments.until)
    arguments.after_up(lab)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    status = Lab.of_checkout().status()
    if arguments.json:
        print(json.dumps(asdict(status), indent=1))
    elif status.running:
        held = ", ".join(f"{node} {mib:.0f} MiB" for node, mib in status.resident_mib.items())
        how = f"{status.provider}, {status.accelerator} ({status.reason})"
        print(f"The lab runs as of {status.task}, layer {status.layer}, on {how}.")
        print(f"Memory: {held}. {_cache(status)}")
    else:
        print(f"The lab is not running (lab up). {_cache(status)}")
    for checkout, mib in status.checkouts.items() if not arguments.json else ():
        print(f"  {checkout} stands on {mib:.0f} MiB of layers.")
    return 0 if status.running else 1


def _cache(status: Status) -> str:
    return f"Cache: boxes {status.cache_mib['boxes']:.0f} MiB, layers {status.cache_mib['layers']:.0f} MiB."


def _way(task: str) -> list[str]:
    """Options of ssh for the mail host in its state after a task."""
    values = inventory.variables()
    at = [int(part) for part in task.split(".")] if task not in (BARE, FRESH) else [0]
    fresh = "root" if task == BARE else values["vendor_user"]
    user = values["admin_user"] if at >= [1, 2, 2] else fresh
    port = values["ssh_port"] if at >= [1, 3, 1] else values["ssh_port_fresh"]
    address = values["vpn_address"] if at >= [1, 3, 4] else values["public_address"]
    return ["-p", port, "-l", user, address]


def _ssh(arguments: argparse.Namespace) -> int:
    status = Lab.of_checkout().status()
    if not status.running or status.task is None:
        raise LabError("The lab is not running.", "lab up")
    way = ["hub"] if arguments.node == "hub" else _way(status.task)
    ssh = tools.find("ssh")
    os.execv(ssh, [ssh, "-F", str(ssh_access.SSH_CONFIG), *way, *_command(arguments.command)])  # noqa: S606


def _command(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


def _exec(arguments: argparse.Namespace) -> int:
    command = _command(arguments.command)
    if not command:
        raise UsageError("lab exec needs a command.", "lab exec mail -- systemctl status ssh")
    stdin = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    done = Lab.of_checkout().exec(arguments.node, command, stdin, arguments.timeout)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(done.stderr)
    return done.exit_status


def _reset(_: argparse.Namespace) -> int:
    with step("Reset both VMs", expected=2):
        Lab.of_checkout().reset()
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    path = Lab.of_checkout().serial_log(arguments.node)
    if not path.exists():
        raise LabError(f"{arguments.node} has written nothing yet.", "lab up")
    sys.stdout.write(path.read_text(errors="replace"))
    return 0


def _down(_: argparse.Namespace) -> int:
    Lab.of_checkout().down()
    return 0


def _destroy(_: argparse.Namespace) -> int:
    Lab.of_checkout().destroy()
    return 0


def _box(arguments: argparse.Namespace) -> int:
    built = box_builder.build(arguments.lock)
    provider = arguments.vagrant
    print(vagrant_box.build(built, identity.ensure(), provider) if provider else built.folder)
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    layers_gone, boxes_gone = Lab.of_checkout().prune(arguments.keep)
    print(f"{layers_gone} layers and {boxes_gone} boxes removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
