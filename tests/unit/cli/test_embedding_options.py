"""The defaults of the options, and what they refuse."""

from __future__ import annotations

from dataclasses import fields

import pytest
import typer

import embeddb
from embeddb.cli.common.embedding_options import EmbeddingOptions, FormOptions
from embeddb.cli.common.index_options import NewIndexOptions
from embeddb.cli.common.layout_options import LayoutOptions
from embeddb.schema.layouts import HashPartitions, Layout, ListPartitions, PartialIndexes


def test_the_defaults_are_those_of_the_spec() -> None:
    options = EmbeddingOptions().arguments()
    index, layout = NewIndexOptions().spec(), LayoutOptions().spec()
    asked = embeddb.EmbeddingSpec(model=None, dim=3, index=index, layout=layout, **options)
    assert asked == embeddb.EmbeddingSpec(model=None, dim=3)


def test_what_is_left_out_of_a_conversion_stays() -> None:
    assert FormOptions().arguments() == {"distance": None, "storage": None, "transform": None}
    assert {field.name for field in fields(FormOptions)} == {"distance", "storage", "transform"}


@pytest.mark.parametrize(
    ("form", "option"),
    [
        (FormOptions(distance="far"), "--distance"),
        (FormOptions(storage="float8"), "--storage"),
        (FormOptions(storage="bit", distance="cosine"), "--storage"),
        (EmbeddingOptions(storage="bit"), "--storage"),
        (FormOptions(transform=["shrink"]), "--transform"),
    ],
)
def test_unknown_words_are_a_wrong_use_of_their_option(form: FormOptions, option: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        form.arguments()
    assert caught.value.param_hint == option


@pytest.mark.parametrize(
    ("options", "layout"),
    [
        (LayoutOptions(partition_by="a"), HashPartitions("a")),
        (LayoutOptions(partition_by="a", partitions=4), HashPartitions("a", 4)),
        (LayoutOptions(partition_by="a", partition_value=["x"]), ListPartitions("a", ("x",))),
        (LayoutOptions(partition_by="a", partial_value=["x"]), PartialIndexes("a", ("x",))),
        (LayoutOptions(partition_value=[], partial_value=[]), None),
    ],
)
def test_options_make_a_layout(options: LayoutOptions, layout: Layout | None) -> None:
    assert options.spec() == layout


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (LayoutOptions(partitions=4), "--partitions"),
        (
            LayoutOptions(partition_by="a", partitions=4, partial_value=["x"]),
            "--partitions / --partial-value",
        ),
        (LayoutOptions(partition_by="a", partitions=1), "--partitions"),
        (LayoutOptions(partition_by="$a"), "--partition-by"),
    ],
)
def test_options_that_contradict_each_other_are_a_wrong_use(
    options: LayoutOptions, option: str
) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        options.spec()
    assert caught.value.param_hint == option
