"""Granting and revoking: a role becomes a reader, writer, worker or owner, or ceases to be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, fragment, query
from embeddb.errors import CollectionNotFoundError, ConfigurationError, PermissionDeniedError
from embeddb.repository.catalog.reader import CatalogReader, missing
from embeddb.repository.roles.privileges import Privileges, Snapshot
from embeddb.repository.roles.source_privileges import (
    MissingPrivilege,
    server_needs,
    source_needs,
    takes_back,
    written,
)
from embeddb.schema import privileges
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.privileges import Level, RoleProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class GrantReport:
    """What was granted or revoked.

    Attributes:
        kind: reader, writer, worker or owner.
        collections: which; None: every one, those to come among them.
        statements: what was run, or would be; nothing: it was so already.
        needs: what the role still lacks and somebody else has to grant: a statement, and why.
        is_applied: whether the statements were run.
    """

    role: str
    kind: str
    collections: tuple[str, ...] | None
    statements: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    is_applied: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """What was asked for."""

    role: str
    kind: str
    names: tuple[str, ...] | None
    with_source: bool


class Grants:
    """Grants and revokes in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema = database.schema
        self._catalog = CatalogReader(database)
        self._privileges = Privileges(database.schema)

    def grant(
        self,
        kind: str,
        role: str,
        collections: Sequence[str] | None = None,
        *,
        with_source: bool = False,
        dry_run: bool = False,
    ) -> GrantReport:
        """Grant a role what it needs, and report what somebody else has to grant.

        Raises:
            ConfigurationError: there is no such kind or role, or the kind makes no sense there.
            CollectionNotFoundError: there is no such collection.
            PermissionDeniedError: this session's role may not grant that.
        """
        order = self._order(kind, role, collections, with_source)
        with self._database.transaction() as connection:
            self._check_role(connection, role)
            if kind == "owner":
                statements, needs = self._make_owner(connection, order)
            else:
                statements, needs = self._give(connection, order)
            return self._done(connection, order, statements, needs, dry_run=dry_run)

    def revoke(
        self,
        kind: str,
        role: str,
        collections: Sequence[str] | None = None,
        *,
        with_source: bool = False,
        dry_run: bool = False,
    ) -> GrantReport:
        """Revoke from a role what it needed for this, and for nothing else.

        Raises:
            What `grant` raises.
        """
        order = self._order(kind, role, collections, with_source)
        with self._database.transaction() as connection:
            self._check_role(connection, role)
            take = self._leave_owner if kind == "owner" else self._take
            return self._done(connection, order, take(connection, order), [], dry_run=dry_run)

    # readers, writers and workers

    def _give(
        self, connection: Connection, order: _Order
    ) -> tuple[list[sql.Composed], list[MissingPrivilege]]:
        records = self._catalog.generations_of_all(connection)
        snapshot = self._privileges.snapshot(connection, order.role)
        profile = snapshot.profile(records)
        concerned = _concerned(order, records)
        if order.names is None:
            profile.marks.add(order.kind)
        for record in concerned if order.names else ():
            level = _level(order.kind, record)
            profile.levels[record.name] = max(profile.level(record), level)
        statements = self._privileges.grants(snapshot, order.role, profile, records)
        self._check_ours(snapshot, order.role, profile, records)
        temporary = privileges.needs_temporary(profile, records)
        needs = server_needs(connection, order.role, temporary=temporary)
        on_sources = source_needs(connection, order.role, profile, concerned)
        if order.with_source:
            on_sources = [replace(need, is_given=True) for need in on_sources]
        return statements, needs + on_sources

    def _take(self, connection: Connection, order: _Order) -> list[sql.Composed]:
        records = self._catalog.generations_of_all(connection)
        snapshot = self._privileges.snapshot(connection, order.role)
        before = snapshot.profile(records)
        after = RoleProfile(marks=before.marks - {order.kind}, levels=dict(before.levels))
        if order.names is not None and order.kind in before.marks:
            raise ConfigurationError(
                f"{order.role} is a {order.kind} of every collection: revoke that, then grant it "
                "those that it is to keep with --collection."
            )
        concerned = _concerned(order, records)
        for record in concerned:
            if before.levels.get(record.name) == privileges.level_of(order.kind, record):
                after.levels[record.name] = Level.NOTHING
        whole = RoleProfile(marks={order.kind})
        whole.levels |= {one.name: privileges.level_of(order.kind, one) for one in concerned}
        given = privileges.needs(whole, records if order.names is None else concerned)
        keep = privileges.needs(after, records)
        statements = self._privileges.revokes(snapshot, order.role, given, keep)
        if order.with_source:
            kept = {place for one in records if after.level(one) for place in _read_by(one)}
            taken = {place: table for one in concerned for place, table in _read_by(one).items()}
            for place, table in taken.items():
                if place not in kept:
                    statements += takes_back(order.role, table)
        return statements

    def _check_ours(
        self,
        snapshot: Snapshot,
        role: str,
        profile: RoleProfile,
        records: Sequence[CollectionRecord],
    ) -> None:
        """Check beforehand what Postgres would refuse, or only warn of, in the middle."""
        needed = privileges.needs(profile, records)
        for one in snapshot.targets:
            is_needed = needed.get(one.thing, set()) - one.held
            if is_needed and not one.is_ours and one.owner != role:
                name = one.thing[1] or self._schema
                raise PermissionDeniedError(
                    f"{name} belongs to {one.owner}, so this role may not grant privileges on it: "
                    f"connect as {one.owner}, or as a role that is a member of it."
                )

    # owners

    def _make_owner(
        self, connection: Connection, order: _Order
    ) -> tuple[list[sql.Composed], list[MissingPrivilege]]:
        owner, is_superuser, is_owner, is_member = self._owner(connection, order.role)
        new = order.role if is_superuser else owner
        statements = []
        if is_superuser:
            # whoever may become a superuser is one: the schema is handed over instead
            names = {"kind": sql.SQL("SCHEMA"), "object": Name(self._schema), "role": Name(new)}
            statements.append(query("privileges.take_over", **names))
        elif not is_owner and not is_member:
            made = query("privileges.become_owner", owner=Name(owner), role=Name(order.role))
            statements.append(made)
        values = {"schema": self._schema, "role": new}
        for kind, written_as in connection.execute(query("privileges.owned"), values).fetchall():
            names = {"kind": fragment(kind), "object": fragment(written_as), "role": Name(new)}
            statements.append(query("privileges.take_over", **names))
        reads_all = RoleProfile(marks={"reader"})
        records = self._catalog.generations_of_all(connection)
        needs = server_needs(connection, new, temporary=True)
        on_sources = source_needs(connection, new, reads_all, records)
        if order.with_source:
            on_sources = [replace(need, is_given=True) for need in on_sources]
        return statements, needs + on_sources

    def _leave_owner(self, connection: Connection, order: _Order) -> list[sql.Composed]:
        owner, _, is_owner, is_member = self._owner(connection, order.role)
        if is_owner:
            raise ConfigurationError(
                f"Schema {self._schema} belongs to {owner} itself: hand it to another role first, "
                "with REASSIGN OWNED BY … TO …."
            )
        if not is_member:
            return []
        return [query("privileges.leave_owner", owner=Name(owner), role=Name(order.role))]

    def _owner(self, connection: Connection, role: str) -> tuple[str, bool, bool, bool]:
        values = {"schema": self._schema, "role": role}
        row = connection.execute(query("privileges.owner"), values).fetchone()
        assert row is not None  # the schema is there, or the store had not opened
        return row[0], row[1], row[2], row[3]

    # what all have in common

    def _order(
        self, kind: str, role: str, collections: Sequence[str] | None, with_source: bool
    ) -> _Order:
        privileges.check_kind(kind)
        names = None if collections is None else tuple(dict.fromkeys(collections))
        if names is not None and kind == "owner":
            raise ConfigurationError(
                "An owner owns the whole schema: leave out the collections, or make it a reader, "
                "a writer or a worker of them."
            )
        for name in names or ():
            self._catalog.get(name)
        return _Order(role=role, kind=kind, names=names, with_source=with_source)

    def _check_role(self, connection: Connection, role: str) -> None:
        if connection.execute(query("privileges.role"), {"role": role}).fetchone() is None:
            hint = "create it with CREATE ROLE"
            if role.lower() == "public":
                hint = "what PUBLIC has everybody has, so embeddb grants it nothing: name a role"
            raise ConfigurationError(f"There is no role {role!r}: {hint}.")

    def _done(
        self,
        connection: Connection,
        order: _Order,
        statements: list[sql.Composed],
        needs: list[MissingPrivilege],
        *,
        dry_run: bool,
    ) -> GrantReport:
        given = [*statements, *(need.statement for need in needs if need.is_given)]
        for statement in () if dry_run else given:
            connection.execute(statement, {})
        return GrantReport(
            role=order.role,
            kind=order.kind,
            collections=order.names,
            statements=tuple(map(written, given)),
            needs=tuple((need.text, need.reason) for need in needs if not need.is_given),
            is_applied=not dry_run,
        )


def _concerned(order: _Order, records: Sequence[CollectionRecord]) -> list[CollectionRecord]:
    if order.names is None:
        return list(records)
    found = [record for record in records if record.name in order.names]
    gone = set(order.names) - {record.name for record in found}
    if gone:
        known = sorted({record.name for record in records})
        raise CollectionNotFoundError(missing(min(gone), known))
    return found


def _level(kind: str, record: CollectionRecord) -> Level:
    """Return what a role may do with a collection that was named for it.

    Raises:
        ConfigurationError: it would do nothing there.
    """
    if kind == "worker" and record.source is None:
        raise ConfigurationError(
            f"Collection {record.name!r} is attached to no table, so a worker has nothing to do "
            "there: who writes it is a writer."
        )
    if kind == "writer" and record.source is not None:
        raise ConfigurationError(
            f"Collection {record.name!r} is attached to {record.source.table_text}: who writes "
            "that table needs no right in embeddb's schema, and who encodes is a worker."
        )
    return privileges.level_of(kind, record)


def _read_by(record: CollectionRecord) -> dict[tuple[str, str], SourceTable]:
    """Return the tables of applications that a collection reads, by schema and name."""
    read = record.source.tables_read if record.source else ()
    return {(table.schema, table.table): table for table in read}
