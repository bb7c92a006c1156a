from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from embeddb.encoders import EncoderSettings, OpenAIEncoder, load_encoder
from embeddb.encoders.checks import PartlyEncodedError
from embeddb.encoders.openai_answer import read_answer
from embeddb.encoders.openai_requests import MAX_TEXTS, MAX_TOKENS, RequestLimits
from embeddb.encoders.openai_waits import asked_pause, retry_after
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
    endpoint.refuse = lambda texts: (500, "broken")
    with pytest.raises(ModelUnavailableError, match="3 attempts: HTTP 500: broken"):
        encoder_at(endpoint).encode(["a"])
    # the text, a word to see whether the endpoint is alive, and that word until the end
    assert len(endpoint.requests) == 3 + 1 + 3


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
    assert 25 < (retry_after(soon) or 0) <= 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is retry_after("inf") is retry_after(None) is None


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
    endpoint.refuse = lambda texts: (413, "") if any(len(text) > 8 for text in texts) else None
    with pytest.raises(EncodingError, match="refused a text: HTTP 413"):
        encoder_at(endpoint).encode(["a", "long text"])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("<html>", "web page, not JSON"),
        ('{"data": [{"index"', "not JSON"),
        ([1, 2], "HTTP 200: no list of embeddings"),
        ({"data": "none"}, "HTTP 200: no list of embeddings"),
        ({"data": []}, "0 embeddings for 1"),
        ({"detail": "the backend is gone"}, "the backend is gone"),
        ({"error": "no such thing"}, "no such thing"),
        ({"error": {"message": "bad gateway", "code": 502}}, "HTTP 502: bad gateway"),
        ({"object": "error", "message": "worker died", "code": 50002}, "worker died"),
        ({"data": [{"index": 0, "embedding": [1, 2]}]}, "2 dims, not 4"),
        ({"data": [{"index": 0, "embedding": None}]}, "no list of numbers"),
        ({"data": [{"index": 0, "embedding": []}]}, "no list of numbers"),
        ({"data": [{"index": 0, "embedding": [1, 2, 3, "x"]}]}, "no list of numbers"),
        ({"data": [{"index": 0, "embedding": [1, 2, 3, None]}]}, "NaN"),
        ('{"data": [{"embedding": [1, 2, 3, NaN]}]}', "NaN"),
    ],
)
def test_wrong_answer_to_one_text_is_its_own_fault(
    endpoint: Endpoint,
    answer: Any,  # noqa: ANN401
    message: str,
) -> None:
    endpoint.refuse = lambda texts: (200, answer) if texts == ["bad"] else None
    with pytest.raises(PartlyEncodedError, match=message) as caught:
        encoder_at(endpoint).encode(["bad"])
    assert list(caught.value.errors) == [0]


@pytest.mark.parametrize(
    "answer", ["<html>", {"data": []}, {"error": {"message": "Rate limit exceeded", "code": 429}}]
)
def test_wrong_answer_of_a_moment_is_asked_again(
    endpoint: Endpoint,
    answer: Any,  # noqa: ANN401
) -> None:
    endpoint.then(200, answer)
    assert encoder_at(endpoint).encode(["a", "abc"])[:, 0].tolist() == [1, 3]
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("answer", ["<html>Sign in</html>", {"error": {"message": "Sign in"}}])
def test_wrong_answer_to_everything_ends_the_run(
    endpoint: Endpoint,
    answer: Any,  # noqa: ANN401
) -> None:
    endpoint.refuse = lambda texts: (200, answer)
    with pytest.raises(ModelUnavailableError, match="Sign in"):
        encoder_at(endpoint).encode(["a", "b"])


@pytest.mark.parametrize("status", [400, 422, 500, 502, 503])
def test_text_that_an_endpoint_fails_on_is_found(endpoint: Endpoint, status: int) -> None:
    said = {"error": {"message": "json: unsupported value: NaN", "type": "api_error"}}
    endpoint.refuse = lambda texts: (status, said) if "poison" in texts else None
    texts = [*("x" * n for n in range(1, 9)), "poison", *("y" * n for n in range(1, 9))]
    with pytest.raises(PartlyEncodedError, match="unsupported value: NaN") as caught:
        encoder_at(endpoint).encode(texts)
    assert list(caught.value.errors) == [8]
    good = [row for row in range(len(texts)) if row != 8]
    assert caught.value.vectors[good, 0].tolist() == [len(texts[row]) for row in good]
    assert np.isnan(caught.value.vectors[8]).all()


def test_endpoint_that_refuses_everything_ends_the_run_after_few_requests(
    endpoint: Endpoint,
) -> None:
    endpoint.refuse = lambda texts: (400, {"error": {"message": "this is a chat model"}})
    with pytest.raises(ModelUnavailableError, match="this is a chat model"):
        encoder_at(endpoint).encode([str(n) for n in range(256)])
    assert len(endpoint.requests) <= 10


def test_limit_of_texts_is_learned_from_its_words(endpoint: Endpoint) -> None:
    said = {"error": {"message": "batch size is invalid, it should not be larger than 10"}}
    endpoint.refuse = lambda texts: (400, said) if len(texts) > 10 else None
    encoder = encoder_at(endpoint)
    texts = ["x" * n for n in range(1, 26)]
    for _ in range(2):
        assert encoder.encode(texts)[:, 0].tolist() == list(range(1, 26))
    assert [len(request["input"]) for request in endpoint.requests] == [25, 10, 10, 5, 10, 10, 5]


def test_limit_of_texts_is_learned_from_what_is_left_out(endpoint: Endpoint) -> None:
    def answer(request: dict[str, Any]) -> object:
        texts = request["input"][:10]
        rows = [[float(len(text)), 1, 1, 1] for text in texts]
        return {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]}

    endpoint.answer = answer
    encoder = encoder_at(endpoint)
    texts = ["x" * n for n in range(1, 26)]
    for _ in range(2):
        assert encoder.encode(texts)[:, 0].tolist() == list(range(1, 26))
    assert [len(request["input"]) for request in endpoint.requests] == [25, 10, 10, 5, 10, 10, 5]


def test_limit_of_size_is_learned_where_no_number_of_texts_is_named(endpoint: Endpoint) -> None:
    said = "input (700 tokens) is too large to process. increase the physical batch size"
    endpoint.refuse = lambda texts: (500, said) if sum(map(len, texts)) > 1000 else None
    encoder = encoder_at(endpoint)
    texts = ["x" * n for n in range(200, 210)]
    for _ in range(3):
        assert encoder.encode(texts)[:, 0].tolist() == list(range(200, 210))
    refused = [len(r["input"]) for r in endpoint.requests if sum(map(len, r["input"])) > 1000]
    assert len(refused) <= 4


def test_one_long_text_lowers_no_limit(endpoint: Endpoint) -> None:
    endpoint.refuse = lambda texts: (413, "too long") if "x" * 99 in texts else None
    encoder = encoder_at(endpoint)
    with pytest.raises(PartlyEncodedError):
        encoder.encode(["x" * 99, "a", "b", "c"])
    endpoint.requests.clear()
    encoder.encode(["a", "b", "c", "d"])
    assert [len(request["input"]) for request in endpoint.requests] == [4]


def test_answer_without_indexes_is_in_order() -> None:
    answer = {"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}
    assert read_answer(answer, 2, 1).vectors.tolist() == [[1], [2]]


@pytest.mark.parametrize("number", [lambda i: 0, lambda i: i + 1, lambda i: i if i else None])
def test_indexes_that_tell_nothing_lead_to_single_requests(
    endpoint: Endpoint, number: Callable[[int], int | None]
) -> None:
    def answer(request: dict[str, Any]) -> object:
        rows = [[float(len(text)), 1, 1, 1] for text in request["input"]]
        data = [{"index": number(i), "embedding": row} for i, row in enumerate(rows)]
        return {"data": data[::-1]}

    endpoint.answer = answer
    assert encoder_at(endpoint).encode(["a", "abc", "ab"])[:, 0].tolist() == [1, 3, 2]


def test_vectors_may_come_as_base64(endpoint: Endpoint) -> None:
    row = np.array([1, 2, 3, 4.5], dtype="<f4")
    embedding = base64.b64encode(row.tobytes()).decode()
    endpoint.answer = lambda request: {"data": [{"index": 0, "embedding": embedding}]}
    assert encoder_at(endpoint).encode(["a"]).tolist() == [[1, 2, 3, 4.5]]


@pytest.mark.parametrize("end", ["close", "cut"])
def test_connection_that_ends_for_one_text_is_its_fault(endpoint: Endpoint, end: str) -> None:
    endpoint.hang_up = lambda texts: end if "crash" in texts else None
    with pytest.raises(PartlyEncodedError) as caught:
        encoder_at(endpoint).encode(["a", "crash", "abc"])
    assert list(caught.value.errors) == [1]
    assert caught.value.vectors[[0, 2], 0].tolist() == [1, 3]


def test_endpoint_that_was_down_for_a_moment_blames_no_text(endpoint: Endpoint) -> None:
    for _ in range(4):  # both attempts, the word, and that word once more
        endpoint.then(500, "starting")
    assert encoder_at(endpoint).encode(["a", "abc"])[:, 0].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("status", "body", "words", "error"),
    [
        (402, {"error": {"message": "No credits"}}, "No credits", ModelUnavailableError),
        (403, {"message": "no access"}, "no access", ModelUnavailableError),
        (302, "", "base URL", ModelUnavailableError),
        (400, {"code": "Arrearage", "message": "denied"}, "denied", ModelUnavailableError),
        (200, {"error": {"message": "none found", "code": 404}}, "none found", ModelNotFoundError),
    ],
)
def test_permanent_refusal_ends_at_once(
    endpoint: Endpoint,
    status: int,
    body: Any,  # noqa: ANN401
    words: str,
    error: type[Exception],
) -> None:
    endpoint.refuse = lambda texts: (status, body)
    with pytest.raises(error, match=words):
        encoder_at(endpoint).encode(["a", "b"])
    assert len(endpoint.requests) == 1


def test_what_is_left_of_a_key_is_not_shown(endpoint: Endpoint) -> None:
    endpoint.then(401, {"error": {"message": "Incorrect API key provided: sk-ve***ret."}})
    with pytest.raises(ModelUnavailableError, match="Incorrect API key provided") as caught:
        encoder_at(endpoint).encode(["a"])
    assert "sk-ve" not in str(caught.value)


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


@pytest.mark.parametrize(
    "model", ["Qwen/Qwen3-Embedding-0.6B", "text-embedding-v4", "openai/text-embedding-3-small"]
)
def test_dim_is_asked_of_every_model(endpoint: Endpoint, model: str) -> None:
    settings = EncoderSettings(openai_base_url=endpoint.url)
    encoder = load_encoder(f"openai:{model}@5", settings=settings)
    assert encoder.encode(["a"]).shape == (1, 5)
    assert endpoint.requests[0]["dimensions"] == 5
    assert endpoint.keys == [None]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Model does not support matryoshka representation"),
        (422, "Extra inputs are not permitted"),
        (500, "UnsupportedParamsError: setting dimensions is not supported"),
    ],
)
def test_dim_is_left_out_where_the_endpoint_refuses_it(
    endpoint: Endpoint, status: int, said: str
) -> None:
    endpoint.refuse_request = lambda r: (status, said) if "dimensions" in r else None
    encoder = encoder_at(endpoint, dim=4)
    for _ in range(2):
        assert encoder.encode(["a"]).shape == (1, 4)
    assert ["dimensions" in request for request in endpoint.requests][-2:] == [False, False]
    with pytest.raises(EncodingError, match=f"4 dims, not 5.*{said}"):
        encoder_at(endpoint, dim=5).encode(["a"])


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
    limits = RequestLimits()
    many = list(limits.batches(["x"] * (2 * MAX_TEXTS + 1)))
    assert [len(batch) for batch in many] == [MAX_TEXTS, MAX_TEXTS, 1]
    batches = list(limits.batches(["y" * MAX_TOKENS] * 7))
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    assert [row for batch in batches for row in batch] == list(range(7))


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("HTTP 400: batch size is invalid, it should not be larger than 10.: input.contents", 10),
        ("HTTP 422: batch size 256 > maximum allowed batch size 32 (Validation)", 32),
        ("HTTP 400: total number of texts must be at most 96, received 256", 96),
        ("HTTP 400: too many inputs (request 12ab-34)", 128),
        ("HTTP 413: <html>413 Request Entity Too Large nginx 1.18.0 on 7</html>", 128),
        ("HTTP 413: payload of at most 4 MB", 128),
        ("HTTP 500: input is too large to process (current batch size: 64 tokens)", 128),
    ],
)
def test_refusal_names_how_many_texts_go_into_a_request(words: str, texts: int) -> None:
    assert len(RequestLimits().parts(range(256), words)[0]) == texts


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2", "retry-after-ms": "5"}, 2),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2s"}, 62),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "20s"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000001"}, 0),
        ({}, None),
    ],
)
def test_headers_say_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(headers) == (None if seconds is None else pytest.approx(seconds))


def test_surrogate_is_an_encoding_error(endpoint: Endpoint) -> None:
    with pytest.raises(EncodingError):
        encoder_at(endpoint).encode(["\ud800"])
