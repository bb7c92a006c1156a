"""Groups of options: what Typer sees of a command, and what the command gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from embeddb.cli.common.groups import with_groups


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is."""

    city: Annotated[str, typer.Argument(metavar="CITY", help="The city.")]
    street: Annotated[str | None, typer.Option("--street", help="The street.")] = None
    number: Annotated[int, typer.Option("--number", "-n", min=1)] = 1


@dataclass(frozen=True, kw_only=True)
class Address(Place):
    """Where somebody lives."""

    number: Annotated[int, typer.Option("--number", "-n", help="The house.")] = 7
    floor: Annotated[int | None, typer.Option("--floor")] = None


def _app(got: list[object]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_groups
    def visit(
        who: Annotated[str, typer.Argument(metavar="WHO")],
        *,
        place: Place,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        """Visit somebody."""
        got.append((who, place, loud))

    @app.command()
    @with_groups
    def live(*, address: Address) -> None:
        """Live somewhere."""
        got.append(address)

    return app


def _run(*arguments: str) -> tuple[Result, list[object]]:
    got: list[object] = []
    return CliRunner().invoke(_app(got), arguments, env={"COLUMNS": "100"}), got


def test_a_command_gets_its_group_as_one_value() -> None:
    result, got = _run("visit", "Ada", "Paris", "--street", "Rue X", "-n", "3", "--loud")
    assert result.exit_code == 0, result.output
    assert got == [("Ada", Place(city="Paris", street="Rue X", number=3), True)]


def test_what_is_left_out_has_the_default_of_the_class() -> None:
    assert _run("visit", "Ada", "Paris")[1] == [("Ada", Place(city="Paris"), False)]
    assert _run("live", "Rome")[1] == [Address(city="Rome", number=7)]


def test_a_value_is_checked_as_without_groups() -> None:
    result, got = _run("visit", "Ada", "Paris", "--number", "0")
    assert (result.exit_code, got) == (2, [])
    result, got = _run("visit", "Ada")
    assert (result.exit_code, got) == (2, [])
    assert "CITY" in result.output


def test_help_lists_the_options_of_groups() -> None:
    text = _run("visit", "--help")[0].output
    assert "Visit somebody." in text
    assert text.index("WHO") < text.index("CITY") < text.index("--street") < text.index("--loud")
    shown = _run("live", "--help")[0].output
    assert "The house." in shown and "[default: 7]" in shown and "--floor" in shown


def test_two_groups_cannot_have_the_same_option() -> None:
    def move(*, before: Place, after: Place) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name"):
        with_groups(move)
