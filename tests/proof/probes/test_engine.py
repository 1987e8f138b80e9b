import io
import json
import tarfile
from collections.abc import Callable

import pytest

from proof.probes import engine
from proof.probes.engine import Answer

Asked = list[tuple[str, str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Answer]], Asked]:
    """Make the engine answer by the beginning of the path; returns what it was asked."""

    def prepare(answers: dict[str, Answer]) -> Asked:
        seen: Asked = []
        empty = {"/volumes": '{"Volumes": null}'}

        def ask(method: str, path: str, *_: object) -> Answer:
            seen.append((method, path))
            if method == "GET":
                return Answer(status=200, body=empty.get(path, "[]"))
            return next((a for start, a in answers.items() if path.startswith(start)), Answer(status=200, body=""))

        monkeypatch.setattr(engine, "ask", ask)
        return seen

    return prepare


def test_the_borrowed_root_holds_no_file_and_leads_to_usr() -> None:
    with tarfile.open(fileobj=io.BytesIO(engine.borrowed_root())) as archive:
        entries = archive.getmembers()
    assert not [entry.name for entry in entries if entry.isfile()]
    assert {entry.name: entry.linkname for entry in entries if entry.issym()}["lib64"] == "usr/lib64"


def test_a_trial_takes_away_what_it_brought(asked: Callable[[dict[str, Answer]], Asked]) -> None:
    seen = asked(
        {
            "/containers/create": Answer(status=201, body='{"Id": "1"}'),
            "/containers/trial/start": Answer(status=204, body=""),
            "/containers/trial/wait": Answer(status=200, body=json.dumps({"StatusCode": 7})),
        }
    )
    trial = engine.try_container("trial", "exit 7")
    assert trial["ended"] == 7
    assert ("DELETE", "/containers/trial?force=1&v=1") in seen
    assert ("DELETE", "/images/trial?force=1") in seen


def test_a_container_that_does_not_start_is_no_success_and_is_taken_away(
    asked: Callable[[dict[str, Answer]], Asked],
) -> None:
    seen = asked(
        {
            "/containers/create": Answer(status=201, body='{"Id": "1"}'),
            "/containers/trial/start": Answer(status=400, body="runc: no such file"),
        }
    )
    trial = engine.try_container("trial", "exit 7")
    assert trial["ended"] == -1
    assert trial["steps"][-1] == "start: 400 runc: no such file"
    assert seen[-6][0] == seen[-5][0] == "DELETE"
