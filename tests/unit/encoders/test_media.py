from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from embeddb.encoders import media_of
from embeddb.encoders.media import encode_batch
from embeddb.errors import ConfigurationError, EncodingError, UnsupportedMediumError
from embeddb.protocols import Encoder
from embeddb.records import Media, Medium, ModelInfo, Role, Vector
from tests.support.encoders import ColourEncoder, HashEncoder, image


class OfTexts:
    """An encoder as 0.1 described them: it declares nothing, and knows only str."""

    def __init__(self) -> None:
        self.given: list[object] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="of-texts", fingerprint="0", dim=1)

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.given.append(texts)
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_an_encoder_that_declares_nothing_takes_text() -> None:
    encoder = OfTexts()
    assert media_of(encoder) == media_of(HashEncoder()) == {"text"}
    assert encode_batch(encoder, ["a", "bc"]).tolist() == [[1], [2]]
    assert encoder.given == [["a", "bc"]]


def test_reading_the_media_does_not_read_the_record() -> None:
    class Slow:
        @property
        def info(self) -> ModelInfo:
            raise AssertionError("weights are hashed")

        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            raise AssertionError("the model is loaded")

    assert media_of(Slow()) == {"text"}


@pytest.mark.parametrize(
    ("encoder", "refused", "message"),
    [
        (OfTexts(), image((1, 2, 3)), "'of-texts' takes text, not image: use a model"),
        (ColourEncoder("image"), "red", "'colours' takes image, not text"),
        (ColourEncoder(), Media(medium="audio", data=b""), "takes image and text, not audio"),
    ],
)
def test_what_is_not_taken_never_reaches_the_encoder(
    encoder: Encoder, refused: str | Media, message: str
) -> None:
    with pytest.raises(UnsupportedMediumError, match=message) as caught:
        encode_batch(encoder, [refused])
    assert isinstance(caught.value, EncodingError)
    assert not getattr(encoder, "calls", None)
    assert not getattr(encoder, "given", None)


def test_texts_and_images_share_a_space() -> None:
    encoder = ColourEncoder()
    green = image((0, 200, 0), (0, 100, 0))
    assert encode_batch(encoder, ["green"]).tolist() == encode_batch(encoder, [green]).tolist()


@pytest.mark.parametrize("media", [(), ("smell",), "image"])
def test_a_declaration_that_means_nothing_is_refused(media: Sequence[Medium]) -> None:
    encoder = ColourEncoder()
    encoder.media = media  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match=r"ColourEncoder\.media is .*: list what"):
        media_of(encoder)
