from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from embeddb.encoders import EncoderSettings, OpenAIEncoder, load_encoder
from embeddb.encoders.openai import MAX_TEXTS, MAX_TOKENS, read_answer, request_batches
from embeddb.encoders.openai_client import _retry_after
from embeddb.errors import (
    ConfigurationError,
    EncodingError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from tests.unit.encoders.conftest import Endpoint

KEY = "sk-very-secret"


def encoder_at(endpoint: Endpoint, model: str = "local", **options: Any) -> OpenAIEncoder:  # noqa: ANN401
    quick = {"dim": 4, "attempts": 3, "backoff_seconds": 0.01, "max_wait_seconds": 0.05}
    return OpenAIEncoder(model, base_url=endpoint.url, api_key=KEY, **(quick | options))


def test_vectors_come_in_the_order_of_the_texts(endpoint: Endpoint) -> None:
    vectors = encoder_at(endpoint).encode(["a", "abc", "ab"])
    assert vectors[:, 0].tolist() == [1, 3, 2]
    assert endpoint.keys == [f"Bearer {KEY}"]
    assert endpoint.requests[0]["model"] == "local"


def test_no_texts_ask_nothing(endpoint: Endpoint) -> None:
    assert encoder_at(endpoint).encode([]).shape == (0, 4)
    assert endpoint.requests == []


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_passing_trouble_is_retried(endpoint: Endpoint, status: int) -> None:
    endpoint.then(status, "busy")
    endpoint.then(status, "busy")
    assert encoder_at(endpoint).encode(["a"]).shape == (1, 4)
    assert len(endpoint.requests) == 3


def test_retries_end(endpoint: Endpoint) -> None:
    for _ in range(3):
        endpoint.then(500, "broken")
    with pytest.raises(ModelUnavailableError, match="3 attempts: HTTP 500: broken"):
        encoder_at(endpoint).encode(["a"])
    assert len(endpoint.requests) == 3


def test_endpoint_says_how_long_to_wait(endpoint: Endpoint) -> None:
    endpoint.then(429, "slow down", Retry_After="0.3")
    started = time.monotonic()
    encoder_at(endpoint, max_wait_seconds=5).encode(["a"])
    assert time.monotonic() - started >= 0.3


def test_wait_is_bounded(endpoint: Endpoint) -> None:
    endpoint.then(429, "slow down", Retry_After="3600")
    started = time.monotonic()
    encoder_at(endpoint).encode(["a"])
    assert time.monotonic() - started < 3


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (_retry_after(soon) or 0) <= 30
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _retry_after("soon") is _retry_after("inf") is _retry_after(None) is None


def test_nobody_listening_is_unavailable() -> None:
    encoder = OpenAIEncoder(
        "m", dim=4, base_url="http://127.0.0.1:9/v1", attempts=2, backoff_seconds=0.01
    )
    with pytest.raises(ModelUnavailableError, match="2 attempts"):
        encoder.encode(["a"])


def test_refused_key_names_the_variable_and_hides_the_key(endpoint: Endpoint) -> None:
    endpoint.then(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    with pytest.raises(ModelUnavailableError, match="OPENAI_API_KEY") as caught:
        encoder_at(endpoint).encode(["a"])
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == 1


def test_key_is_shown_nowhere(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    endpoint.then(400, f"what is {KEY}?")
    encoder = encoder_at(endpoint)
    with caplog.at_level(logging.DEBUG), pytest.raises(EncodingError) as caught:
        encoder.encode(["a"])
    settings = EncoderSettings(openai_api_key=KEY)
    shown = [str(caught.value), repr(encoder), repr(settings), caplog.text, repr(encoder.info)]
    assert not any(KEY in text for text in shown)


def test_used_up_quota_is_not_retried(endpoint: Endpoint) -> None:
    endpoint.then(429, {"error": {"code": "insufficient_quota"}})
    with pytest.raises(ModelUnavailableError, match="quota"):
        encoder_at(endpoint).encode(["a"])
    assert len(endpoint.requests) == 1


def test_unknown_model_is_not_found(endpoint: Endpoint) -> None:
    endpoint.then(404, "no such model")
    with pytest.raises(ModelNotFoundError, match="no such model"):
        encoder_at(endpoint).encode(["a"])


def test_request_that_is_too_large_is_split(endpoint: Endpoint) -> None:
    endpoint.refuse = lambda texts: (
        (400, {"error": {"message": "Requested 600 tokens, max 300 tokens per request: too many"}})
        if len(texts) > 3
        else None
    )
    vectors = encoder_at(endpoint).encode(["x" * n for n in range(1, 11)])
    assert vectors[:, 0].tolist() == list(range(1, 11))


def test_single_text_that_is_too_large_fails(endpoint: Endpoint) -> None:
    endpoint.refuse = lambda texts: (413, "") if any(len(text) > 5 for text in texts) else None
    with pytest.raises(EncodingError, match="refused a text: HTTP 413"):
        encoder_at(endpoint).encode(["a", "long text"])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("<html>", "JSON"),
        ([1, 2], "no list"),
        ({"data": "none"}, "no list"),
        ({"data": [{"index": 0, "embedding": [1, 2, 3, 4]}]}, "1 embeddings for 2"),
        ({"data": [{"index": 0, "embedding": [1, 2, 3, 4]}] * 2}, "2 embeddings for 2"),
        ({"data": [{"index": i, "embedding": [1, 2]} for i in (0, 1)]}, "2 dims, not 4"),
        ({"data": [{"index": i, "embedding": None} for i in (0, 1)]}, "endpoint"),
        ({"data": [{"index": i, "embedding": [1, 2, 3, "x"]} for i in (0, 1)]}, "numbers"),
        ('{"data": [{"embedding": [1, 2, 3, NaN]}, {"embedding": [1, 2, 3, 4]}]}', "NaN"),
    ],
)
def test_wrong_answer_is_an_encoding_error(endpoint: Endpoint, answer: Any, message: str) -> None:  # noqa: ANN401
    endpoint.then(200, answer)
    with pytest.raises(EncodingError, match=message):
        encoder_at(endpoint).encode(["a", "b"])


def test_answer_without_indexes_is_in_order() -> None:
    answer = {"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}
    assert read_answer(answer, 2, 1).tolist() == [[1], [2]]


def test_known_dims_need_no_request(endpoint: Endpoint) -> None:
    info = encoder_at(endpoint, "text-embedding-3-large", dim=None).info
    assert (info.dim, info.max_tokens, info.normalized) == (3072, 8191, True)
    assert endpoint.requests == []


def test_unknown_dim_is_learned_by_one_request(endpoint: Endpoint) -> None:
    endpoint.dim = 7
    encoder = encoder_at(endpoint, dim=None)
    assert (encoder.info.dim, encoder.encode(["a"]).shape) == (7, (1, 7))
    assert len(endpoint.requests) == 2


def test_dim_in_the_name_shortens_openais_models(endpoint: Endpoint) -> None:
    settings = EncoderSettings(openai_base_url=endpoint.url, openai_api_key=KEY)
    encoder = load_encoder("openai:text-embedding-3-small@256", settings=settings)
    assert encoder.info.name == "openai:text-embedding-3-small@256"
    assert encoder.encode(["a"]).shape == (1, 256)
    assert endpoint.requests[0]["dimensions"] == 256


def test_dim_in_the_name_is_checked_of_others(endpoint: Endpoint) -> None:
    settings = EncoderSettings(openai_base_url=endpoint.url)
    encoder = load_encoder("openai:local@5", settings=settings)
    with pytest.raises(EncodingError, match="4 dims, not 5"):
        encoder.encode(["a"])
    assert "dimensions" not in endpoint.requests[0]
    assert endpoint.keys == [None]


def test_fingerprint_tells_hosts_models_and_dims_apart() -> None:
    base = {"base_url": "https://one.example/v1", "dim": 4}
    variants = [
        OpenAIEncoder("m", base_url="https://one.example/v1", dim=4),
        OpenAIEncoder("m", base_url="https://two.example/v1", dim=4),
        OpenAIEncoder("n", base_url="https://one.example/v1", dim=4),
        OpenAIEncoder("m", base_url="https://one.example/v1", dim=5),
    ]
    assert len({encoder.info.fingerprint for encoder in variants}) == 4
    same = OpenAIEncoder("m", base_url=f"{base['base_url']}/", dim=4, api_key=KEY)
    assert same.info.fingerprint == variants[0].info.fingerprint


@pytest.mark.parametrize("url", ["", "ftp://x", "localhost:8080", "https://user:pw@host/v1"])
def test_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenAIEncoder("m", base_url=url)
    assert "pw" not in str(caught.value)


def test_empty_model_name_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        load_encoder("openai:", settings=EncoderSettings())


def test_requests_stay_within_the_limits() -> None:
    many = list(request_batches(["x"] * (2 * MAX_TEXTS + 1)))
    assert [len(batch) for batch in many] == [MAX_TEXTS, MAX_TEXTS, 1]
    large = ["y" * MAX_TOKENS] * 7
    batches = list(request_batches(large))
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    assert [text for batch in batches for text in batch] == large


def test_surrogate_is_an_encoding_error(endpoint: Endpoint) -> None:
    with pytest.raises(EncodingError):
        encoder_at(endpoint).encode(["\ud800"])
