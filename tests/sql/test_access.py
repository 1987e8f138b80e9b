from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from proof.database.access import MailDatabase
from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import RunFolder
from tests.sql.conftest import PASSWORDS, Database


@pytest.fixture
def reached(shared: Database, tmp_path: Path) -> MailDatabase:
    return MailDatabase(shared.conninfo, lambda: PASSWORDS, Recorder(RunFolder.at(tmp_path)))


def trusting(database: MailDatabase, role: str, **settings: str) -> psycopg.Connection:
    """A scratch cluster asks no one for a password."""
    return psycopg.connect(make_conninfo(database._conninfo, user=role, **settings), autocommit=True)


def test_statements_sent_together_are_answered_in_order(reached: MailDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MailDatabase, "_connect", trusting)
    with reached.session("mailadmin") as mailadmin:
        stored, told = mailadmin.each(
            [("UPDATE virtual_users SET active = %s", (False,)), ("SELECT bool_or(active) FROM virtual_users", ())]
        )
        assert (stored.count, told.rows) == (3, [(False,)])
        with pytest.raises(AssertionError, match=r"the mail database tells mailadmin: 42P01 .*nowhere"):
            mailadmin.each([("SELECT 1", ()), ("SELECT * FROM nowhere", ()), ("SELECT 2", ())])
    with reached.session("mailadmin") as mailadmin:
        assert mailadmin.value("SELECT bool_and(active) FROM virtual_users") is True
