"""The rights of every role: every statement is run on every object, and succeeds or is refused for a missing right."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

COLUMN_VERBS = ("select", "insert", "update")
RELATION_VERBS = (*COLUMN_VERBS, "delete", "truncate")
FUNCTION_VERBS = ("execute",)
NOTHING = "-"
STATISTICS = ("pg_stats", "pg_stats_ext", "pg_statistic", "pg_stat_activity")  # values of rows can show in these
INSUFFICIENT_PRIVILEGE = "42501"

RELATIONS = """
    SELECT c.relname, c.relkind = 'r',
           array_agg(a.attname::text ORDER BY a.attnum),
           array_agg(a.attname::text ORDER BY a.attnum)
               FILTER (WHERE a.attgenerated = '' AND pg_column_is_updatable(c.oid, a.attnum, false))
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
       AND a.attnum > 0 AND NOT a.attisdropped
     GROUP BY c.oid, c.relname, c.relkind
     ORDER BY c.relname
"""
FUNCTIONS = """
    SELECT p.proname, ARRAY(SELECT format_type(type, NULL) FROM unnest(p.proargtypes) AS type)
      FROM pg_proc AS p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
       AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
     ORDER BY 1, 2
"""
# Relations with those of their columns that the role can read.
READABLE = """
    SELECT c.relnamespace::regnamespace::text, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
     WHERE (c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
            OR c.relnamespace = 'pg_catalog'::regnamespace AND c.relname = ANY(%s))
       AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')
     GROUP BY c.relnamespace, c.relname
"""
# Leaves one text for each statement in a setting of the transaction: the error, or nothing if it ran.
TRY_ALL = """
    DO $try_all$
    DECLARE
        statement text;
        errors text[] := '{{}}';
    BEGIN
        FOREACH statement IN ARRAY {}::text[] LOOP
            BEGIN
                EXECUTE statement;
                RAISE 'undo it' USING ERRCODE = 'UNDO1';
            EXCEPTION
                WHEN SQLSTATE 'UNDO1' THEN
                    errors := array_append(errors, '');
                WHEN OTHERS THEN
                    errors := array_append(errors, format('%s %s', SQLSTATE, SQLERRM));
            END;
        END LOOP;
        PERFORM set_config('proof.errors', to_json(errors)::text, true);
    END
    $try_all$
"""
# What a role could do without a right on any table.
BEYOND: Mapping[str, LiteralString] = {
    "make a table": "CREATE TABLE stray (n integer)",
    "make a temporary table": "CREATE TEMPORARY TABLE stray (n integer)",
    "make a schema": "CREATE SCHEMA stray",
    "make a function": "CREATE FUNCTION public.stray() RETURNS integer LANGUAGE sql RETURN 1",
    "make a large object": "SELECT lo_from_bytea(0, 'x')",
    "make a role": "CREATE ROLE stray",
    "become the owner": "SET ROLE mail_owner",
    "become the superuser": "SET ROLE postgres",
    "read the roles' passwords": "SELECT rolpassword FROM pg_authid",
    "read values from the statistics": "SELECT * FROM pg_statistic",
    "read a file of the server": "SELECT pg_read_file('PG_VERSION')",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "write a file": "COPY (SELECT 1) TO '/tmp/stray'",
    "have the server read its settings again": "SELECT pg_reload_conf()",
    "undo the quiet log": "SET log_statement = 'all'",
    "use a sequence": "SELECT nextval('virtual_users_id_seq')",
}


@dataclass(frozen=True)
class Relation:
    """A table or view: all of its columns, and those that can be written at all."""

    name: str
    is_table: bool
    columns: tuple[str, ...]
    writable: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function and the types of its parameters."""

    name: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class Attempt:
    """One statement of one role, and whether it has to run."""

    role: str
    target: str
    verb: str
    allowed: bool
    statement: sql.Composed


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; `error` is empty if it ran."""

    attempt: Attempt
    error: str
    refused: bool

    @property
    def as_it_should_be(self) -> bool:
        """Allowed and done, or refused for want of a right and nothing else."""
        return not self.error if self.attempt.allowed else self.refused

    def __str__(self) -> str:
        attempt = self.attempt
        expected = "allowed" if attempt.allowed else "refused"
        return f"{attempt.role}: {attempt.verb} {attempt.target} must be {expected}, but: {self.error or 'it ran'}"


@dataclass(frozen=True)
class Rights:
    """The table of rights: by role and target the verbs that are allowed.

    A target is "relation", "relation.column" or "function()". A column that is not listed follows its relation.
    A function that is not listed is nobody's.
    """

    roles: tuple[str, ...]
    verbs: Mapping[tuple[str, str], frozenset[str]]

    @classmethod
    def parse(cls, table: Sequence[Sequence[str]]) -> "Rights":
        """Read cells: the roles in the first row, the targets in the first column, "-" where nothing is allowed.

        Raises:
            ValueError: a row or a verb makes no sense.
        """
        (_, *roles), *rows = table
        verbs: dict[tuple[str, str], frozenset[str]] = {}
        for target, *cells in rows:
            known = FUNCTION_VERBS if target.endswith("()") else COLUMN_VERBS if "." in target else RELATION_VERBS
            for role, cell in zip(roles, cells, strict=True):
                words = frozenset(cell.replace(",", " ").split()) - {NOTHING}
                if unknown := words - set(known):
                    raise ValueError(f"{target}: no one can {', '.join(sorted(unknown))} that")
                verbs[role, target] = words
        return cls(tuple(roles), verbs)

    @property
    def relations(self) -> frozenset[str]:
        """The tables and views that have a row of their own."""
        return frozenset(target for _, target in self.verbs if "." not in target and not target.endswith("()"))

    def allow(self, role: str, verb: str, target: str) -> bool:
        """Whether the role may do that; what has no row is refused, but a column follows its relation."""
        if (role, target) not in self.verbs and "." in target:
            target = target.partition(".")[0]
        return verb in self.verbs.get((role, target), frozenset())


def relations(connection: psycopg.Connection) -> list[Relation]:
    """The tables and views of the mail database; every role can list them."""
    rows = connection.execute(RELATIONS).fetchall()
    return [Relation(name, table, tuple(columns), tuple(writable or ())) for name, table, columns, writable in rows]


def functions(connection: psycopg.Connection) -> list[Function]:
    """The functions of the mail database; every role can list them."""
    return [Function(name, tuple(types)) for name, types in connection.execute(FUNCTIONS).fetchall()]


def attempts(connection: psycopg.Connection, rights: Rights, role: str) -> Iterator[Attempt]:
    """Every statement to try as a role: by relation, by column, by function. None of them touches a row."""
    for relation in relations(connection):
        for verb, statement in _relation_statements(relation):
            yield Attempt(role, relation.name, verb, rights.allow(role, verb, relation.name), statement)
        for column in relation.columns:
            target = f"{relation.name}.{column}"
            for verb, statement in _column_statements(relation, column):
                yield Attempt(role, target, verb, rights.allow(role, verb, target), statement)
    for function in functions(connection):
        target = f"{function.name}()"
        yield Attempt(role, target, "execute", rights.allow(role, "execute", target), _call(function))


def attempts_beyond(role: str) -> Iterator[Attempt]:
    """What no service may do, whatever it may do with tables."""
    for what, statement in BEYOND.items():
        yield Attempt(role, "anything", what, allowed=False, statement=sql.SQL(statement).format())


def run(connection: psycopg.Connection, tries: Sequence[Attempt]) -> list[Outcome]:
    """Run attempts one by one on the server; each is undone at once, and all of them are one question to it."""
    statements = [attempt.statement.as_string(connection) for attempt in tries]
    with connection.pipeline(), connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(sql.SQL(TRY_ALL).format(sql.Literal(statements)))
        row = connection.execute("SELECT current_setting('proof.errors')").fetchone()
    errors: list[str] = json.loads(row[0]) if row else []
    return [
        Outcome(attempt, error, refused=error.startswith(INSUFFICIENT_PRIVILEGE) and "permission denied" in error)
        for attempt, error in zip(tries, errors, strict=True)
    ]


def readable_rows(connection: psycopg.Connection) -> list[str]:
    """Every row that a role can read in the mail database and in the server's statistics, each as text."""
    queries = [
        sql.SQL("SELECT ROW({})::text FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name)
        )
        for schema, name, columns in connection.execute(READABLE, [list(STATISTICS)]).fetchall()
    ]
    with connection.pipeline():  # one question to the server, and not one for each relation
        cursors = [connection.execute(query) for query in queries]
        return [text for cursor in cursors for (text,) in cursor.fetchall()]


def _relation_statements(relation: Relation) -> Iterator[tuple[str, sql.Composed]]:
    name = sql.Identifier("public", relation.name)
    yield "select", sql.SQL("SELECT * FROM {} LIMIT 0").format(name)
    yield "delete", sql.SQL("DELETE FROM {} WHERE false").format(name)
    if relation.is_table:
        yield "truncate", sql.SQL("TRUNCATE {} CASCADE").format(name)


def _column_statements(relation: Relation, column: str) -> Iterator[tuple[str, sql.Composed]]:
    names = {"relation": sql.Identifier("public", relation.name), "column": sql.Identifier(column)}
    yield "select", sql.SQL("SELECT {column} FROM {relation} LIMIT 0").format(**names)
    if column in relation.writable:
        yield "insert", sql.SQL("INSERT INTO {relation} ({column}) SELECT NULL WHERE false").format(**names)
        yield "update", sql.SQL("UPDATE {relation} SET {column} = DEFAULT WHERE false").format(**names)


def _call(function: Function) -> sql.Composed:
    """A call with NULLs that the planner cannot see through, or it would leave out a strict function and its rights."""
    names = [sql.Identifier(f"argument_{number}") for number in range(len(function.types))]
    nulls = [
        sql.SQL("NULL::{} AS {}").format(sql.SQL(type_name), name)
        for name, type_name in zip(names, function.types, strict=True)
    ]
    return sql.SQL("SELECT {}({}) FROM (SELECT {} OFFSET 0) AS arguments").format(
        sql.Identifier("public", function.name), sql.SQL(", ").join(names), sql.SQL(", ").join(nulls)
    )
