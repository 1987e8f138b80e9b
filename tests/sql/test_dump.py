import subprocess
from pathlib import Path

from proof.database import rights
from proof.database.rights import Rights
from tests.sql.conftest import ROLES, TEST_PASSWORD, Database, new_database
from tests.sql.rightstable import TABLE


def test_a_dump_comes_back_whole(mail: Database, cluster: str, tmp_path: Path) -> None:
    """Constraints that call functions, generated columns, rights on views and columns: all of it restores."""
    file = tmp_path / "mail.sql"
    file.write_text(mail.dump(), encoding="utf-8")
    with new_database(cluster) as restored:
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored.conninfo, "-f", str(file)]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert restored.dump() == mail.dump()
        with restored.login("dovecot") as dovecot:
            query = "SELECT verify_password('alice@testdomain.local', %s)"
            assert dovecot.execute(query, (TEST_PASSWORD,)).fetchone() == (True,)
        for role in ROLES:
            with restored.login(role) as connection:
                outcomes = rights.run(connection, list(rights.attempts(connection, Rights.parse(TABLE), role)))
            assert all(outcome.as_it_should_be for outcome in outcomes)
        assert restored.apply().returncode == 0
