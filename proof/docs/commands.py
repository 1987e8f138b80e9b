"""The command `proof`: checks what was kept, compares runs, and hands everything over as one file."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lab.cli import Extension
from lab.errors import LabError, UsageError
from lab.paths import BUILD, ROOT
from proof.docs import __main__ as docs
from proof.docs import bundle, ledger, runs, verify
from proof.docs.runs import StoredRun
from proof.evidence import statement
from proof.gherkin.feature_files import FeatureSyntaxError
from proof.report import terminal
from proof.whole_host import reference

SLOWER = 2.0  # seconds, and times: a difference that is worth a line
EXPLAINED = "Exit status: 0 all is as it was signed, 1 something is not, 4 wrong use."


def main(arguments: Sequence[str] | None = None, extensions: Mapping[str, Extension] = MappingProxyType({})) -> int:
    """Run one of the commands; returns the exit status.

    Args:
        arguments: those of this process if None.
        extensions: more commands, by name; each parses its own arguments.
    """
    parser = argparse.ArgumentParser(prog="proof", description="Evidence: check it, compare it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checks = commands.add_parser(
        "verify",
        help="check signatures, hashes and counts",
        description="Check a run's folder, a folder of runs, a ledger or a site against what was signed.",
        epilog=EXPLAINED,
    )
    checks.add_argument("path", type=Path, nargs="*", default=[], help=f"by default {ledger.FOLDER} and build/runs")
    checks.add_argument("--key", type=Path, action="append", default=[], help="a public key to trust besides, as PEM")
    compares = commands.add_parser(
        "diff", help="two runs side by side", description="What differs between two runs: states, times, the host."
    )
    compares.add_argument("before", help="id of a run, or the beginning of one; last is the newest")
    compares.add_argument("after")
    commands.add_parser("bundle", help="one HTML file with everything, and its statement, into build/")
    for name, extension in extensions.items():
        commands.add_parser(name, help=extension.help, add_help=False)
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in extensions:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if options.command in extensions:
            return extensions[options.command].main(rest)
        if options.command == "verify":
            return _verify(options.path, options.key)
        if options.command == "bundle":
            return _bundle()
        return _diff(options.before, options.after)
    except LabError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _verify(paths: Sequence[Path], more: Sequence[Path]) -> int:
    keys = verify.trusted(ROOT)
    for path in more:
        try:
            key = statement.public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} is no public key: {error}") from error
        keys[key.keyid] = key
    known = [
        path.parent for path in (ROOT / ledger.FOLDER / ledger.RUNS, BUILD / "runs" / statement.CHAIN) if path.exists()
    ]
    problems = 0
    for path in paths or known:
        found = verify.check(path, keys)
        for sentence in found.checked:
            print(sentence)
        for problem in found.problems:
            print(f"WRONG  {problem}")
        problems += len(found.problems)
    print(f"{problems} problems." if problems else "All is as it was signed.")
    return 1 if problems else 0


def _bundle() -> int:
    try:
        document = docs.make(ROOT, [BUILD])
    except FeatureSyntaxError as error:
        raise UsageError(str(error)) from error
    path = bundle.write(document, BUILD / docs.SITE, BUILD, statement.key_file())
    print(f"{path.relative_to(ROOT)} and {path.name}.dsse.json")
    return 1 if document.mismatches else 0


def _diff(before: str, after: str) -> int:
    found = ledger.with_runs(ledger.read(ROOT / ledger.FOLDER), runs.read([BUILD])).found
    one, other = (_named(name, found) for name in (before, after))
    print(f"{one.id}  ->  {other.id}")
    for line in differences(one, other):
        print(line)
    return 0


def _named(name: str, known: Sequence[StoredRun]) -> StoredRun:
    chosen = [run for run in known if run.id.startswith(name)] if name != "last" else list(known[-1:])
    if len(chosen) != 1:
        some = ", ".join(run.id for run in known[-5:])
        raise UsageError(f"{len(chosen)} runs are called {name}.", f"the newest are {some}")
    return chosen[0]


def differences(before: StoredRun, after: StoredRun) -> list[str]:
    """What differs between two runs, a line for each: states, times, what it was made from, and the host."""
    lines = []
    both = [name for name in after.outcomes if name in before.outcomes]
    for name in both:
        was, now = before.outcomes[name], after.outcomes[name]
        if was.state != now.state:
            lines.append(f"{was.state} -> {now.state}  {name}  {now.message or now.reason}".rstrip())
        elif now.state == "passed" and abs(now.seconds - was.seconds) > SLOWER and _apart(was.seconds, now.seconds):
            lines.append(f"{terminal.duration(was.seconds)} -> {terminal.duration(now.seconds)}  {name}")
    for title, names in (
        ("only in the first", before.outcomes.keys() - after.outcomes.keys()),
        ("only in the second", after.outcomes.keys() - before.outcomes.keys()),
    ):
        lines += [f"{title}  {name}" for name in sorted(names)]
    made, makes = (run.provenance.get("contents") or {} for run in (before, after))
    changed = sorted(name for name in {*made, *makes} if made.get(name) != makes.get(name))
    lines.append(f"made from other {', '.join(changed)}" if changed else "made from the same")
    return [*lines, *_hosts(made, makes)]


def _apart(was: float, now: float) -> bool:
    return max(was, now) > SLOWER * min(was, now)


def _hosts(made: Mapping[str, str], makes: Mapping[str, str]) -> list[str]:
    """How the hosts differ that the two provisionings make, as far as this machine knows both."""
    found = reference.changed_since(made, makes)
    if found is None:
        return ["the host: no reference of both is on this machine (lab up takes one)"]
    return [f"host: {one}" for one in found.differences] or ["the host is the same"]
