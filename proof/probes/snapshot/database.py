"""The database server: settings, who may connect, roles, and every object of every database by its definition."""

import json
import re
from pathlib import Path

from proof.probes.snapshot.common import Content, Section, unread, words
from proof.probes.snapshot.containers import asked

MOST = 20  # files that are named
TITLE = re.compile(r"-- (?:Data for )?Name: (?P<name>.*); Type: (?P<type>.*); Schema: (?P<schema>.*); Owner: .*")
NOTHING = ("--", "\\restrict", "\\unrestrict", "SET ", "SELECT pg_catalog.set_config")
COPIED = "COPY "
SEQUENCE = re.compile(r"SELECT pg_catalog\.setval\('([^']+)', (.+)\);")
LOADED = "SELECT extract(epoch FROM pg_conf_load_time())"
SIGNALS = ("standby.signal", "recovery.signal", "backup_label", "tablespace_map")  # for a start of another kind
# What a dump does not tell of a database.
OF_DATABASE = (
    """SELECT coalesce(json_object_agg('trigger ' || tgname || ' of ' || tgrelid::regclass, tgenabled), '{}')
        FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal""",
    """SELECT json_build_object('constraints that are not checked', (SELECT count(*) FROM pg_trigger
        WHERE tgisinternal AND tgenabled <> 'O'))""",
    """SELECT coalesce(json_object_agg('large object ' || oid, lomacl::text), '{}') FROM pg_largeobject_metadata""",
    """SELECT coalesce(json_object_agg('function of the catalogue ' || oid::regprocedure, prosecdef), '{}')
        FROM pg_proc WHERE oid >= 16384 AND pronamespace = 'pg_catalog'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')""",
    """SELECT coalesce(json_object_agg('index ' || indexrelid::regclass, 'not valid'), '{}')
        FROM pg_index WHERE NOT indisvalid""",
    """SELECT coalesce(json_object_agg('sequence ' || seqrelid::regclass, 'behind the column that it is for'), '{}')
        FROM pg_sequence JOIN pg_depend ON objid = seqrelid AND deptype IN ('a', 'i')
        JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
        WHERE coalesce((xpath('/row/max/text()', query_to_xml(format('SELECT max(%I) FROM %s', attname,
        refobjid::regclass), false, true, '')))[1]::text::bigint, 0)
        > coalesce(pg_sequence_last_value(seqrelid), 0)""",
)
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
    """SELECT coalesce(json_object_agg('password of role ' || rolname, CASE
        WHEN rolpassword LIKE 'SCRAM-SHA-256$%'
        THEN 'SCRAM-SHA-256, ' || substring(rolpassword, '\\$(\\d+):') || ' iterations'
        WHEN rolpassword IS NULL THEN 'none' ELSE 'of another kind' END), '{}') FROM pg_authid""",
    """SELECT json_build_object('checksums of pages', current_setting('data_checksums'))""",
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
    databases = "SELECT datname FROM pg_database WHERE datallowconn"
    listed = words(*inside, *psql, env=environment, stdin=f"{LOADED};\n{databases};\n").split()
    script = ";\n".join(f"\\connect {name}\n\\echo {name}\n" + ";\n".join(OF_DATABASE) for name in listed[1:])
    name = ""
    for line in words(*inside, *psql, env=environment, stdin=f"{script};\n").splitlines():
        if line.startswith("{"):
            found |= {f"{name}: {each}": content.shown(str(value)) for each, value in json.loads(line).items()}
        elif line.strip():
            name = line.strip()
    return {**found, **files(container, float(listed[0]))}


def files(container: str, loaded: float) -> Section:
    """The server's files: settings that it has not read, signals for its next start, and files of others.

    Args:
        container: its name.
        loaded: when the server read its settings, in seconds since 1970.
    """
    mounts = asked(f"/containers/{container}/json")["Mounts"]
    found = dict(unread([Path(each["Source"]) for each in mounts if not each["RW"]], loaded))
    for each in mounts:
        data = Path(each["Source"])
        if each["RW"] and (data / "PG_VERSION").exists():
            found |= {f"{name} in its data": "there" for name in SIGNALS if (data / name).exists()}
            owner = data.stat().st_uid
            foreign = sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.lstat().st_uid != owner)
            found |= {f"file {path} of its data": "of another owner" for path in foreign[:MOST]}
    return found
