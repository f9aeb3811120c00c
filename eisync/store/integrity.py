"""Check a database without changing it: its pages, its references, and what eisync itself relies on.

A rule is a query for the rows that break it. On a sound database each finds none. Nothing is repaired here: what a rule
finds is a bug of eisync or damage of the disk, and a person should know of it.

Source: sqlite.org, "PRAGMA integrity_check", "PRAGMA foreign_key_check".
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from eisync.core.actions import ActionKind, Cause, Progress
from eisync.core.doctor.finding import Finding, fault, not_checked, ok
from eisync.core.doctor.state import REBUILD
from eisync.core.lifecycle import RemovalState, State
from eisync.core.model import Category, value
from eisync.core.text import amount
from eisync.store.migrate import refuse_newer
from eisync.store.schema import VERSION

_STEPS = 100_000  # of SQLite's machine between two calls of `beat`: some milliseconds
_MOST_FAULTS = 5

_REPORT = "run 'eisync support-bundle' and report it"
_SEND_ANEW = "run 'eisync reconcile --sweep', then this again; if it stays, 'eisync support-bundle' and report it"


@value(kw_only=True)
class Rule:
    """What holds of every row. `broken` finds the rows of which it does not hold: any value that names each."""

    name: str
    sentence: str
    broken: str
    remedy: str = _REPORT


def _names(members: type[Enum]) -> str:
    return ", ".join(f"'{one.value}'" for one in members if one.value is not None)


RULES = (
    Rule(
        name="states",
        sentence="every file has a known state, category and removal",
        broken=f"""select id from file where state not in ({_names(State)}) or category not in ({_names(Category)})
            or removal not in ({_names(RemovalState)})""",
    ),
    Rule(
        name="claims",
        sentence="a file is claimed while it is being sent, and only then",
        broken="select id from file where (claim is not null) <> (state = 'sending')",
        remedy="restart eisync: it asks the service about files that were being sent",
    ),
    Rule(
        name="hashes",
        sentence="the hash of a file is one of SHA-256",
        broken="""select id from file where sha256 is not null
            and (length(sha256) <> 64 or sha256 glob '*[^0-9a-f]*')""",
    ),
    Rule(
        name="descriptions",
        sentence="what is said of a file can be read",
        broken="""select id from file where not json_valid(metadata) or not json_valid(coalesce(published, '{}'))
            or not json_valid(coalesce(companions, '{}')) or not json_valid(coalesce(remarks, '{}'))""",
    ),
    Rule(
        name="targets",
        sentence="every folder and every file goes to a known target",
        broken="""select 'file ' || id from file where target not in (select name from target)
            union all select 'folder ' || id from root where target not in (select name from target)""",
        remedy="start eisync with the configuration that names the target",
    ),
    Rule(
        name="samples",
        sentence="every sample of a file is known",
        broken="""select sample_id from file_sample link join file on file.id = link.file_id
            where not link.is_segment and not exists (
                select 1 from sample where sample.target = file.target and sample.id = link.sample_id)""",
        remedy=_SEND_ANEW,
    ),
    Rule(
        name="actions",
        sentence="every action has a known kind, cause and state, and one that is open has its file",
        broken=f"""select id from act where kind not in ({_names(ActionKind)}) or cause not in ({_names(Cause)})
            or state not in ({_names(Progress)})
            or (state in ('waiting', 'due', 'begun') and file_id not in (select id from file))""",
    ),
    Rule(
        name="sidecar entries",
        sentence="the kept number of entries of each sidecar is that of its rows",
        broken="""select id from sidecar where is_read and trouble is null
            and entries <> (select count(*) from sidecar_entry where sidecar_id = sidecar.id)""",
        remedy="touch the sidecar, so that it is read again",
    ),
    Rule(
        name="file counts",
        sentence="the kept number of files of each folder and state, and of their bytes, is that of the rows",
        broken="""select kept.root_id || ' ' || kept.state from file_count kept left join (
                select root_id, iif(state = 'sending', 'ready', state) as state, count(*) as files, sum(size) as bytes
                from file group by 1, 2
            ) found on found.root_id = kept.root_id and found.state = kept.state
            where kept.files <> coalesce(found.files, 0) or kept.bytes <> coalesce(found.bytes, 0)""",
    ),
    Rule(
        name="pauses",
        sentence="what is paused is a known folder, or all uploads",
        broken="select root_id from pause where root_id <> 0 and root_id not in (select id from root)",
        remedy="eisync resume",
    ),
)

CHECKS = len(RULES) + 3
"""How many findings there are."""

Beat = Callable[[int], None]


def check(connection: sqlite3.Connection, beat: Beat) -> Iterator[Finding]:
    """Yield what each check found. `beat` is called often, with the number of checks that are done.

    Raise StateError for a database of a newer eisync, sqlite3.DatabaseError when it cannot be read any further.
    """
    done = [0]
    connection.set_progress_handler(lambda: beat(done[0]), _STEPS)
    try:
        for finding in _found(connection):
            done[0] += 1
            yield finding
    finally:
        connection.set_progress_handler(None, 0)


def _found(connection: sqlite3.Connection) -> Iterator[Finding]:
    [schema] = connection.execute("pragma user_version").fetchone()
    refuse_newer(schema)
    older = f"; the next start brings it to {VERSION}" if schema < VERSION else ""
    yield ok("schema", f"schema {schema}{older}")
    damage = [str(row[0]) for row in connection.execute(f"pragma integrity_check({_MOST_FAULTS})")]
    if damage == ["ok"]:
        yield ok("pages", "every page, row and index is sound")
    else:
        yield fault("pages", f"the database is damaged: {'; '.join(damage)}", REBUILD)
    lost = [str(row[0]) for row in connection.execute("pragma foreign_key_check")]
    yield _finding("references", "every row that belongs to another one has it", sorted(set(lost)), len(lost), REBUILD)
    for rule in RULES:
        yield _checked(connection, rule, is_current=schema == VERSION)


def _checked(connection: sqlite3.Connection, rule: Rule, *, is_current: bool) -> Finding:
    if not is_current:
        return not_checked(rule.name, "its tables are those of an older eisync")
    broken = [str(row[0]) for row in connection.execute(f"{rule.broken} limit {_MOST_FAULTS}")]
    [count] = connection.execute(f"select count(*) from ({rule.broken})").fetchone() if broken else (0,)
    return _finding(rule.name, rule.sentence, broken, count, rule.remedy)


def _finding(name: str, sentence: str, broken: Iterable[str], count: int, remedy: str) -> Finding:
    if not count:
        return ok(name, sentence)
    more = ", …" if count > _MOST_FAULTS else ""
    return fault(name, f"not so for {amount(count, 'row')}: {sentence} ({', '.join(broken)}{more})", remedy)
