"""The documentation of Python as a source."""

from __future__ import annotations

import sys
from itertools import islice

import pytest

from embeddb.errors import ConfigurationError
from embeddb.sources import PythonDocs
from embeddb.sources.docstrings import module_docstrings
from tests.support.sources import read

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

SOURCE = b'''
"""Explains at some length what this module is about."""
if True:
    def both(a, *, b=1) -> int:
        """Return the first of two definitions of the same name."""
else:
    def both(a):
        """Return the second of two definitions of the same name."""
def short(): "Too short."
def _private():
    """Not part of what this module offers to its users."""
class Shape(Base, metaclass=Meta):
    """Something that has an area and some sides to it."""
    async def area(self, unit: str = "m"):
        """Measure how much of the plane the shape covers."""
        def inner():
            """Nobody outside of this function can see this."""
    def __len__(self):
        """Count the sides of the shape, one after the other."""
'''


def test_topics_and_docstrings_are_documents() -> None:
    documents, failures = read(PythonDocs(["json"]))
    assert failures == []
    topic, function = documents["topics/with"], documents["json.dumps"]
    assert "context manager" in (topic.content or "")
    assert topic.metadata == {"kind": "topic", "module": "", "name": "with", "python": VERSION}
    assert (function.content or "").startswith("json.dumps(obj, *, skipkeys=False,")
    assert "Serialize ``obj`` to a JSON formatted ``str``." in (function.content or "")
    assert function.metadata == {
        "kind": "function",
        "module": "json",
        "name": "json.dumps",
        "python": VERSION,
    }
    assert documents["json.decoder.JSONDecoder"].metadata["kind"] == "class"
    assert documents["json.decoder.JSONDecoder.decode"].metadata["kind"] == "method"
    assert not any(name.startswith("csv") for name in documents)


def test_the_order_is_the_same_every_time() -> None:
    first = [item.id for item in islice(PythonDocs().documents(), 300)]
    assert first == [item.id for item in islice(PythonDocs().documents(), 300)]
    assert len(set(first)) == 300


def test_only_public_docstrings_of_some_length_are_read() -> None:
    found = {item.name: item for item in module_docstrings(SOURCE, "m")}
    assert list(found) == ["m", "m.both", "m.Shape", "m.Shape.area"]
    assert found["m.both"].text.startswith("Return the first")
    assert found["m.both"].signature == "m.both(a, *, b=1)"
    assert found["m.Shape"].signature == "class m.Shape(Base)"
    assert found["m.Shape.area"].signature == "async m.Shape.area(self, unit: str='m')"


@pytest.mark.parametrize("modules", [["no_such_module"], ["_pyio"], ["test"], "json"])
def test_modules_that_are_not_there_are_refused(modules: list[str] | str) -> None:
    with pytest.raises(ConfigurationError, match=r"no_such_module|_pyio|test|json"):
        PythonDocs(modules)


def test_the_whole_library_has_the_common_modules() -> None:
    from embeddb.sources.stdlib_modules import COMMON_MODULES

    PythonDocs(COMMON_MODULES)
    assert len(set(COMMON_MODULES)) == len(COMMON_MODULES)
