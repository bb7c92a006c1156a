"""Granting roles what they need, revoking it, and extending it to what is created later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, fragment, query
from embeddb.repository.roles.source_privileges import policy_name
from embeddb.schema import privileges
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.names import Tables
from embeddb.schema.privileges import Level, Needs, RoleProfile, Thing

_ORDER = ("SCHEMA", "TABLE", "ROUTINE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Something in embeddb's schema, and the privileges on it that a role was granted by name.

    Attributes:
        thing: its kind and name.
        written: as GRANT takes it.
        owner: whose it is.
        is_ours: whether this session may grant it.
    """

    thing: Thing
    written: sql.Composable
    owner: str
    is_ours: bool
    held: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What a role was granted in embeddb's schema.

    `policies` are the tables whose rows are hidden, and the policy that shows them all to it.
    """

    targets: Sequence[Target]
    policies: dict[str, str | None]

    def profile(self, records: Iterable[CollectionRecord]) -> RoleProfile:
        """Return what a role is, by its privileges."""
        held: dict[str, frozenset[str]] = {
            one.thing[1]: one.held for one in self.targets if one.thing[0] == "TABLE"
        }
        every = held.get(privileges.EVERY, frozenset())
        found = RoleProfile(
            marks={kind for kind, mark in privileges.MARKS.items() if mark in every}
        )
        for record in records:
            own = held.get(record.tables.chunks_name, frozenset())
            level = Level.WRITE if "INSERT" in own else Level.READ if "SELECT" in own else None
            if level is not None:
                before = found.levels.get(record.name, Level.NOTHING)
                found.levels[record.name] = max(before, level)
        return found


class Privileges:
    """The privileges in one database's schema, read and granted in the caller's transactions."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def snapshot(
        self, connection: Connection, role: str, names: Sequence[str] | None = None
    ) -> Snapshot:
        """Return what a role has; `names` is what to look at, and the schema; None: everything."""
        given = {"schema": self._schema, "role": role}
        looked_at = None if names is None else list(names)
        values = {**given, "names": looked_at}
        rows = connection.execute(query("privileges.held"), values).fetchall()
        targets = [self._target(row) for row in rows]
        tables = [one.thing[1] for one in targets if one.thing[0] == "TABLE"]
        found = connection.execute(
            query("privileges.policies"), {**given, "names": tables}
        ).fetchall()
        return Snapshot(targets=targets, policies={row[0]: row[1] for row in found})

    def grants(
        self,
        snapshot: Snapshot,
        role: str,
        profile: RoleProfile,
        records: Sequence[CollectionRecord],
    ) -> list[sql.Composed]:
        """Return the statements that grant a role what it lacks."""
        needed = privileges.needs(profile, records)
        lacking = [
            (one, frozenset(needed.get(one.thing, ())) - one.held)
            for one in snapshot.targets
            if one.owner != role
        ]
        made = self._written("privileges.grant", role, lacking)
        for name in self._hidden(snapshot, profile, records):
            if snapshot.policies[name] is None:
                names = self._policy(policy_name(role), name)
                made.append(query("privileges.create_policy", role=Name(role), **names))
        return made

    def revokes(
        self, snapshot: Snapshot, role: str, given: Needs, keep: Needs
    ) -> list[sql.Composed]:
        """Return the statements that revoke from a role what it has and does not need any more."""
        taken = [
            (
                one,
                one.held & frozenset(given.get(one.thing, ())) - frozenset(keep.get(one.thing, ())),
            )
            for one in snapshot.targets
            if one.owner != role
        ]
        made = self._written("privileges.revoke", role, taken)
        for name, policy in snapshot.policies.items():
            if policy is not None and "INSERT" not in keep.get(("TABLE", name), ()):
                made.append(query("privileges.drop_policy", **self._policy(policy, name)))
        return made

    def follow(self, connection: Connection, record: CollectionRecord) -> None:
        """Grant on a generation, its collection and its functions what roles are to have of them.

        What is new is given to those who have it of what was there before, or of everything;
        what is somebody else's is left to him.
        """
        own = [*privileges.collection_things(record), privileges.EVERY]
        for role in self._grantees(connection, [record.tables.chunks_name, privileges.EVERY]):
            self._renew(connection, role, [record], own)

    def renew(self, connection: Connection, records: Sequence[CollectionRecord]) -> None:
        """Grant every role what it is to have, after a migration that created new things."""
        chunks = [record.tables.chunks_name for record in records]
        for role in self._grantees(connection, [*chunks, privileges.EVERY]):
            self._renew(connection, role, records, None)

    def _renew(
        self,
        connection: Connection,
        role: str,
        records: Sequence[CollectionRecord],
        names: Sequence[str] | None,
    ) -> None:
        snapshot = self.snapshot(connection, role, names)
        ours = Snapshot(
            targets=[one for one in snapshot.targets if one.is_ours and _is_in(one, names)],
            policies=snapshot.policies,
        )
        for statement in self.grants(ours, role, snapshot.profile(records), records):
            connection.execute(statement, {})

    def _grantees(self, connection: Connection, names: Sequence[str]) -> list[str]:
        values = {"schema": self._schema, "names": list(names)}
        return [
            row[0] for row in connection.execute(query("privileges.grantees"), values).fetchall()
        ]

    def _target(self, row: tuple[str, str, str | None, str, bool, list[str]]) -> Target:
        kind, name, signature, owner, is_ours, held = row
        written: sql.Composable
        if kind == "SCHEMA":
            written, name = Name(self._schema), ""
        elif signature is None:
            written = Name(self._schema, name)
        else:
            written = fragment(signature)
        return Target(
            thing=(kind, name),
            written=written,
            owner=owner,
            is_ours=is_ours,
            held=frozenset(held),
        )

    def _written(
        self, block: str, role: str, rows: Iterable[tuple[Target, frozenset[str]]]
    ) -> list[sql.Composed]:
        """Return one statement for all things of a kind that the same privileges are about."""
        found = [(one.thing[0], tuple(sorted(some)), one) for one, some in rows if some]
        found.sort(key=lambda row: (_ORDER.index(row[0]), row[1], row[2].thing[1]))
        return [
            query(
                block,
                privileges=sql.SQL(", ").join(map(fragment, some)),
                objects=sql.SQL("{} {}").format(
                    fragment(kind), sql.SQL(", ").join(one.written for *_, one in group)
                ),
                role=Name(role),
            )
            for (kind, some), group in groupby(found, key=lambda row: row[:2])
        ]

    def _hidden(
        self, snapshot: Snapshot, profile: RoleProfile, records: Iterable[CollectionRecord]
    ) -> Iterator[str]:
        """Yield the tables all of whose rows a role needs to see, and policies hide some."""
        for record in records:
            name = record.tables.chunks_name
            if name in snapshot.policies and privileges.sees_all_chunks(profile, record):
                yield name

    def _policy(self, policy: str, table: str) -> dict[str, sql.Composable]:
        return {"policy": Name(policy), "chunks": Name(self._schema, table)}


def owns_chunks(connection: Connection, tables: Tables) -> bool:
    """Return whether this session's role may build indexes of chunks, as their owner may."""
    values = {"schema": tables.schema, "table": tables.chunks_name}
    row = connection.execute(query("privileges.owns"), values).fetchone()
    return row is not None and bool(row[0])


def current_role(connection: Connection) -> str:
    """Return the name of this session's role."""
    row = connection.execute(query("privileges.current"), {}).fetchone()
    assert row is not None  # there is always a role
    return str(row[0])


def can_write_chunks(connection: Connection, tables: Tables) -> bool:
    """Return whether policies let this session's role write chunks.

    COPY is refused where a policy concerns the role; its rows then go by way of a temporary table,
    which it must be allowed to make.
    """
    row = connection.execute(query("privileges.stages"), {"chunks": tables.chunks_text}).fetchone()
    return row is None or bool(row[0])


def lacking(connection: Connection, schema: str, needed: Needs) -> list[str]:
    """Return the privileges on tables that this session's role lacks, as people read them."""
    pairs = [
        (name, some) for (kind, name), rest in needed.items() if kind == "TABLE" for some in rest
    ]
    values = {"schema": schema, "names": [p[0] for p in pairs], "privileges": [p[1] for p in pairs]}
    rows = connection.execute(query("privileges.lacking"), values).fetchall()
    return [f"{privilege} on {schema}.{name}" for name, privilege in rows]


def _is_in(target: Target, names: Sequence[str] | None) -> bool:
    """Return whether a target is looked at: the schema itself only where everything is."""
    return names is None or target.thing[0] != "SCHEMA"
