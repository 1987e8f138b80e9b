"""The database server: settings, who may connect, roles, and every object of every database by its definition."""

import json
import re
from pathlib import Path

from proof.probes.snapshot.common import Content, Section, words

TITLE = re.compile(r"-- (?:Data for )?Name: (?P<name>.*); Type: (?P<type>.*); Schema: (?P<schema>.*); Owner: .*")
NOTHING = ("--", "\\restrict", "\\unrestrict", "SET ", "SELECT pg_catalog.set_config")
COPIED = "COPY "
SEQUENCE = re.compile(r"SELECT pg_catalog\.setval\('([^']+)', (.+)\);")
# What belongs to the server, beside the definitions: each query gives one JSON object of names and values.
QUERIES = (
    """SELECT coalesce(json_object_agg('setting ' || name, setting || CASE WHEN pending_restart
        THEN ', another from the next start on' ELSE '' END), '{}') FROM pg_settings
        WHERE source NOT IN ('default', 'client', 'session', 'override', 'environment variable') OR pending_restart""",
    """SELECT coalesce(json_object_agg('setting on disk ' || name, concat_ws(', ', setting, error)), '{}')
        FROM (SELECT DISTINCT ON (name) * FROM pg_file_settings ORDER BY name, seqno DESC) AS last""",
    """SELECT coalesce(json_object_agg('user map ' || map_number,
        concat_ws(' ', map_name, sys_name, pg_username, error)), '{}') FROM pg_ident_file_mappings""",
    """SELECT coalesce(json_object_agg('rule ' || rule_number || ' of pg_hba', concat_ws(' ', type, database, user_name,
        address, netmask, auth_method, options, error)), '{}') FROM pg_hba_file_rules""",
    """SELECT coalesce(json_object_agg('replication slot ' || slot_name, slot_type || ' ' || coalesce(database, '')),
        '{}') FROM pg_replication_slots""",
    """SELECT coalesce(json_object_agg('tablespace ' || spcname, pg_tablespace_location(oid)), '{}')
        FROM pg_tablespace""",
)


def of_dump(text: str, content: Content, *, rows: bool) -> Section:
    """The parts of a pg_dumpall: each object by its definition, and on demand rows by table and values by sequence."""
    found: Section = {}
    definitions: dict[str, list[str]] = {}
    database, title, table = "server", "", ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("\\connect "):
            database, title = line.split()[-1], ""
        elif known := TITLE.fullmatch(line):
            schema = "" if known["schema"] == "-" else f"{known['schema']}."
            title = f"{known['type'].lower()} {schema}{known['name']}"
        elif line.startswith(COPIED) and line.endswith(" FROM stdin;"):
            table, lines = line.split()[1], []
        elif table and line == "\\.":
            if rows:
                found[f"rows of {table} in {database}"] = f"{len(lines)} rows {content.digest(repr(sorted(lines)))}"
            table = ""
        elif table:
            lines.append(line)
        elif sequence := SEQUENCE.match(line):
            if rows:
                found[f"value of sequence {sequence[1]} in {database}"] = sequence[2]
        elif line and not line.startswith(NOTHING):
            # Outside any object each line stands for itself: roles, memberships, settings of databases and roles.
            definitions.setdefault(f"{database}: {title or line}", []).append(line)
    whole = {name: content.digest(content.named("\n".join(told))) for name, told in definitions.items()}
    return {**found, **whole}


def take(server: "list[str]", content: Content, *, rows: bool) -> Section:
    """The database server.

    Args:
        server: container, address, port, superuser and password file.
        content: for digests.
        rows: whether rows and values of sequences are looked at.
    """
    container, address, port, user, password_file = server
    secret = next(
        line.partition("=")[2]
        for line in Path(password_file).read_text().splitlines()
        if line.startswith("POSTGRES_PASSWORD=")
    )
    inside = ("docker", "exec", "--interactive", "--env", "PGPASSWORD", container)
    login = ("--host", address, "--port", port, "--username", user, "--no-password")
    environment = {"PGPASSWORD": secret}
    what = () if rows else ("--schema-only",)
    dumped = words(*inside, "pg_dumpall", *login, "--no-role-passwords", *what, env=environment)
    found = of_dump(dumped, content, rows=rows)
    psql = ("psql", *login, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname=postgres")
    for line in words(*inside, *psql, env=environment, stdin=";\n".join(QUERIES) + ";\n").splitlines():
        if line.strip():
            told = {f"server: {name}": content.named(str(value)) for name, value in json.loads(line).items()}
            found |= {name: content.shown(value) for name, value in told.items()}
    return found
