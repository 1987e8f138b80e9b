"""The statement of a run: an in-toto test result in a DSSE envelope, signed, and chained to the run before it.

It names by SHA-256 every file in the run's folder, and the evidence of every scenario. Sources: in-toto attestation
framework v1, predicate test-result v0.1; DSSE v1.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from lab import atomic, locks
from lab.errors import LabError
from proof.evidence.record import Run, canonical

NAME = "statement.dsse.json"
CHAIN = "chain.jsonl"  # beside the folders of runs: each run's statement, and the hash of all up to it
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
KEY_VARIABLE = "MAIL_LAB_SIGNING_KEY"  # a file with an ed25519 key, as PEM
RUN, PREVIOUS = "run", "all runs before"  # in the configuration
SCENARIO = "scenario "  # how the name of evidence begins
BEGINNING = "0" * 64  # of a chain


@dataclass(frozen=True)
class Claim:
    """What an envelope says: SHA-256 by name, scenarios by outcome, the chain before it, and who signed it.

    `about` has target, start and contents of the run. `signed_by` is the id of a known key whose signature is right;
    `problem` says what is wrong with the signature.
    """

    run: str
    about: Mapping[str, Any]
    digests: Mapping[str, str]
    passed: frozenset[str]
    failed: frozenset[str]
    previous: str
    payload: str
    signed_by: str
    problem: str


def sha256(content: bytes) -> str:
    """Of some bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def link(before: str, payload: str) -> str:
    """The hash of a chain up to a statement, from the one up to the statement before."""
    return sha256(f"{before}\n{payload}\n".encode())


def key_file() -> Path | None:
    """Where the operator's key is; None where nobody signs: in CI, unless a key is named."""
    if named := os.environ.get(KEY_VARIABLE):
        return Path(named).expanduser()
    if os.environ.get("CI"):
        return None
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mail-lab" / "evidence.key"


def private_key(path: Path) -> Ed25519PrivateKey:
    """The owner's key, which is made on first use. Raises LabError if it is no ed25519 key."""
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        atomic.write(path, made.decode(), mode=0o600)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise LabError(f"{path} is no key to sign with: {error}", f"name another one: {KEY_VARIABLE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LabError(f"{path} is no ed25519 key.", f"name another one: {KEY_VARIABLE}")
    return key


def public_key(pem: bytes) -> Key:
    """A key to verify with. Raises ValueError."""
    return SSlibKey.from_crypto(serialization.load_pem_public_key(pem))


def public_pem(path: Path) -> bytes:
    """The public half of a key, as PEM. Raises LabError."""
    return (
        private_key(path)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def seal(folder: Path, key: Path | None) -> None:
    """Write the statement of a run that is over, and add it to the chain of its runs' folder. Raises LabError."""
    chain = folder.parent / CHAIN
    with locks.exclusive(folder.parent / f".{CHAIN}.lock"):
        lines = read_chain(chain)
        before = lines[-1]["chain"] if lines else BEGINNING
        payload = statement(folder, before)
        atomic.write(folder / NAME, enveloped(payload, key))
        lines.append({"run": folder.name, "statement": sha256(payload), "chain": link(before, sha256(payload))})
        atomic.write(chain, "".join(json.dumps(line) + "\n" for line in lines))


def read_chain(path: Path) -> list[dict[str, str]]:
    """The lines of a chain, oldest first; none if it is not there. Raises ValueError if it is damaged."""
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if not all(isinstance(line, dict) and {"run", "statement", "chain"} <= line.keys() for line in found):
        raise ValueError(f"{path} is no chain of runs")
    return found


def statement(folder: Path, before: str) -> bytes:
    """The statement of a run as JSON. `before` is the hash of the chain up to the run before it."""
    run = Run.read(folder / "run.json")
    outcomes = {state: [one.id for one in run.scenarios if one.state == state] for state in ("passed", "failed")}
    whole = not run.lab_error and len(outcomes["passed"]) == len(run.scenarios)
    result = "FAILED" if outcomes["failed"] or run.lab_error else "PASSED" if whole else "WARNED"
    commit = str(run.provenance.get("commit") or "")
    about = {"target": run.target, "started": run.started, "contents": run.provenance.get("contents") or {}}
    configuration: list[dict[str, Any]] = [
        {"name": RUN, "annotations": about},
        {"name": PREVIOUS, "digest": {"sha256": before}},
    ]
    if commit:
        configuration.append({"name": "commit", "digest": {"gitCommit": commit}})
    return test_result(
        digests(folder),
        passed=outcomes["passed"],
        failed=outcomes["failed"],
        result=result,
        configuration=configuration,
    )


def test_result(
    subjects: Mapping[str, str],
    *,
    passed: Sequence[str],
    failed: Sequence[str],
    result: str,
    configuration: Sequence[Mapping[str, Any]],
) -> bytes:
    """A statement of a test result as JSON.

    Args:
        subjects: SHA-256 by name.
        passed: names of what passed.
        failed: names of what did not.
        result: PASSED, WARNED or FAILED.
        configuration: what it was made from, as resource descriptors.
    """
    said = {"result": result, "configuration": configuration, "passedTests": passed, "failedTests": failed}
    predicate = json_format.ParseDict(said, test_result_pb2.TestResult())
    named = [ResourceDescriptor(name=name, digest={"sha256": one}).pb for name, one in sorted(subjects.items())]
    made = Statement(named, PREDICATE_TYPE, json_format.MessageToDict(predicate))
    made.validate()
    return json.dumps(json_format.MessageToDict(made.pb), sort_keys=True).encode()


def enveloped(payload: bytes, key: Path | None) -> str:
    """A statement in its envelope as JSON, signed if there is a key. Raises LabError."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    if key is not None:
        envelope.sign(CryptoSigner(private_key(key)))
    return json.dumps(envelope.to_dict())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in a run's folder, by path, and of the evidence of each scenario in its record.

    Raises ValueError if that is no record.
    """
    found = {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in _files(folder)}
    try:
        for part in json.loads((folder / "run.json").read_bytes())["scenarios"]:
            found[f"{SCENARIO}{part['id']}"] = sha256(canonical(part))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder.name}: its record is damaged: {error!r}") from error
    return found


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.name != NAME)


def read(path: Path, run: str, keys: Mapping[str, Key]) -> Claim:
    """What an envelope says of a run.

    Args:
        path: the file.
        run: id of the run.
        keys: those that are trusted, by id.

    Raises:
        OSError: it is not there.
        ValueError: it is no envelope, or holds no test result.
    """
    try:
        envelope = Envelope.from_dict(json.loads(path.read_bytes()))
        said = _test_result(envelope)
        predicate = said["predicate"]
        configuration = {one["name"]: one for one in predicate["configuration"]}
        about = configuration[RUN]["annotations"]
        before = configuration[PREVIOUS]["digest"]["sha256"] if PREVIOUS in configuration else ""
        found = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path.name} of {run} is no statement of a run: {type(error).__name__}: {error}") from error
    signed_by, problem = _checked(envelope, keys)
    return Claim(
        run=run,
        about=about,
        digests=found,
        passed=frozenset(predicate.get("passedTests", ())),
        failed=frozenset(predicate.get("failedTests", ())),
        previous=before,
        payload=sha256(envelope.payload),
        signed_by=signed_by,
        problem=problem,
    )


def _test_result(envelope: Envelope) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(envelope.payload)
    if envelope.payload_type != PAYLOAD_TYPE or said["predicateType"] != PREDICATE_TYPE:
        raise ValueError("it states another thing than the result of a run")
    return said


def _checked(envelope: Envelope, keys: Mapping[str, Key]) -> tuple[str, str]:
    """Which known key signed it, and what is wrong with the signature."""
    if not envelope.signatures:
        return "", "it is not signed"
    known = [keys[each] for each in envelope.signatures if each in keys]
    if not known:
        return "", f"it is signed by a key that nobody here trusts: {', '.join(envelope.signatures)}"
    try:
        return next(iter(envelope.verify(known, 1))), ""
    except VerificationError:
        return "", f"its signature by {known[0].keyid} is wrong"
