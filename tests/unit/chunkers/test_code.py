"""How source code is cut."""

from __future__ import annotations

import ast
import sys
import textwrap

import pytest

from embeddb.chunkers import CodeChunker
from embeddb.chunkers.languages import GRAMMARS
from tests.support.tokenizers import count, word_piece

MODULE = textwrap.dedent('''\
    """A module."""

    import os


    # About the first one.
    @decorated
    def first(a, b):
        """Add two numbers."""
        return a + b


    class Shape:
        """Something with an area."""

        sides = 4

        # How much it covers.
        def area(self):
            return self.width * self.height

        @property
        def name(self):
            return "shape of many sides"


    async def last():
        await something(1, 2, 3)
''')

PROGRAMS = {
    "text/javascript": "// {0}\nfunction {0}(a, b) {{\n  const c = a + b;\n  return c * 2;\n}}\n",
    "text/x-typescript": "export function {0}(a: number): number {{\n  return a * 2;\n}}\n",
    "text/x-tsx": "export function {0}() {{\n  return <b>some text</b>;\n}}\n",
    "text/x-java": "class {0} {{\n  int twice(int a) {{\n    return a * 2;\n  }}\n}}\n",
    "text/x-go": "// {0} doubles.\nfunc {0}(a int) int {{\n\treturn a * 2\n}}\n",
    "text/x-rust": "#[inline]\nfn {0}(a: i32) -> i32 {{\n    a * 2\n}}\n",
    "text/x-c": "/* {0} */\nint {0}(int a) {{\n  return a * 2;\n}}\n",
    "text/x-c++": "template <class T>\nT {0}(T a) {{\n  return a * 2;\n}}\n",
    "text/x-csharp": "class {0} {{\n  int Twice(int a) {{\n    return a * 2;\n  }}\n}}\n",
    "text/x-ruby": "# {0}\ndef {0}(a)\n  a * 2\nend\n",
    "text/x-php": "function {0}($a) {{\n  return $a * 2;\n}}\n",
    "text/x-sh": "# {0}\n{0}() {{\n  echo one two three\n}}\n",
    "text/x-python": "# {0}\ndef {0}(a):\n    return a * 2\n",
}
NAMES = ["alpha", "beta", "gamma", "delta", "omega"]


def contents(text: str, media_type: str | None, max_tokens: int) -> list[str]:
    chunks = CodeChunker(max_tokens, 0, word_piece()).chunks(text, media_type)
    return [chunk.content for chunk in chunks]


def definitions(text: str) -> list[str]:
    tree = ast.parse(text)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [ast.get_source_segment(text, node) or "" for node in found]


@pytest.mark.parametrize("max_tokens", [16, 24, 32, 48, 64, 96])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_definition_that_fits_is_in_one_chunk(max_tokens: int, newline: str) -> None:
    text = MODULE.replace("\n", newline)
    chunks = contents(text, "text/x-python", max_tokens)
    for definition in definitions(MODULE):
        whole = definition.replace("\n", newline)
        if count(word_piece(), whole) <= max_tokens:
            assert any(whole in chunk for chunk in chunks)


@pytest.mark.parametrize("max_tokens", [64, 128, 254])
def test_the_definitions_of_a_real_module_stay_whole(max_tokens: int) -> None:
    with open(textwrap.__file__, encoding="utf-8") as file:
        text = file.read()
    chunks = contents(text, "text/x-python", max_tokens)
    fitting = [d for d in definitions(text) if count(word_piece(), d) <= max_tokens]
    assert fitting
    assert all(any(whole in chunk for chunk in chunks) for whole in fitting)


def test_comments_and_decorators_go_with_their_definition() -> None:
    chunks = contents(MODULE, "text/x-python", 48)
    (first,) = (chunk for chunk in chunks if "def first" in chunk)
    assert "# About the first one.\n@decorated\ndef first" in first
    (area,) = (chunk for chunk in chunks if "def area" in chunk)
    assert "    # How much it covers.\n    def area" in area


@pytest.mark.parametrize("media_type", sorted(PROGRAMS))
def test_functions_of_common_languages_stay_whole(media_type: str) -> None:
    functions = [PROGRAMS[media_type].format(name) for name in NAMES]
    opening = "<?php\n" if media_type == "text/x-php" else ""
    text = opening + "".join(functions)  # no blank lines: only a parser sees the borders
    max_tokens = max(count(word_piece(), function) for function in functions) + 6
    chunks = contents(text, media_type, max_tokens)
    assert len(chunks) == len(NAMES)
    for function, chunk in zip(functions, chunks, strict=True):
        assert function.strip() in chunk


def test_every_grammar_is_tried() -> None:
    names = {media_type.rpartition("/")[2].removeprefix("x-") for media_type in PROGRAMS}
    known = {"c++": "cpp", "sh": "bash"}
    assert {known.get(name, name) for name in names} == set(GRAMMARS)


def test_methods_of_a_large_class_stay_whole() -> None:
    method = "  m{0}(a) {{\n    // é 😀\n    return this.total + a * {0};\n  }}\n"
    text = "class Big {\n" + "".join(method.format(n) for n in range(9)) + "}\n"
    chunks = contents(text, "text/javascript", 40)
    for number in range(9):
        assert any(method.format(number).strip() in chunk for chunk in chunks)


@pytest.mark.parametrize("media_type", ["text/x-python", "text/x-kotlin", None])
def test_code_that_cannot_be_parsed_is_cut_at_unindented_lines(media_type: str | None) -> None:
    blocks = [f"func {name}( {{\n    one = 1\n\n    two = 'words'\n}}" for name in NAMES]
    assert contents("\n\n".join(blocks), media_type, 24) == blocks


def test_a_missing_grammar_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from embeddb.chunkers import grammars

    grammars._grammar.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    functions = [PROGRAMS["text/x-go"].format(name).strip() for name in NAMES]
    assert contents("\n\n".join(functions), "text/x-go", 24) == functions
    grammars._grammar.cache_clear()


def test_warnings_about_the_code_are_not_shown() -> None:
    assert contents("pattern = '\\d'\n", "text/x-python", 20) == ["pattern = '\\d'"]
