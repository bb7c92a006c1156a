"""The form of what is stored: what changes it, advises on it, and is trained from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from embeddb.collection.base import CollectionBase
from embeddb.evaluation.compression.advice import Advice
from embeddb.evaluation.compression.advisor import advise
from embeddb.evaluation.compression.candidates import CandidateLike
from embeddb.pipeline.conversion.convert import Form, default_index
from embeddb.progress import shown
from embeddb.protocols import PhaseProgress
from embeddb.repository.query_encoding.sql_encoders import SQLEncoderInfo, SQLEncoders
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec

if TYPE_CHECKING:
    from embeddb.sql_encoder import SQLEncoderReport, TrainOptions


class StorageMethods(CollectionBase):
    """The methods of a collection that change the form of what is stored, or learn from it."""

    def convert(
        self,
        *,
        storage: str | None = None,
        transform: str | Sequence[str] | None = None,
        index: IndexSpec | Literal["exact"] | None = None,
        distance: str | None = None,
        progress: bool = False,
    ) -> None:
        """Store the vectors in another form, without encoding anything anew.

        A new generation is filled and indexed beside the old one, which is searched and written
        meanwhile; then it takes the old one's place in one short transaction. After any error the
        collection is as it was.

        Args:
            storage: vector, halfvec, int8 or bit; None: as it is.
            transform: done to what is stored now, after the transform that it has; None: nothing,
                or what the collection was created for and has not been able to learn yet.
            index: None: the one that it has; "exact": none.
            distance: only for a change between numbers and bits: hamming, jaccard.
            progress: whether progress bars are shown on stderr.

        Raises:
            TransformError: there are too few vectors to learn the transform from.
            IndexSpecError, ConfigurationError: the form contradicts itself.
            IndexBuildError: the index could not be built.
        """
        old = self._record.generation
        spec = TransformSpec.parse(transform)
        pending = old.wanted
        words = spec.words if spec else pending.transform if pending else ()
        form = Form(
            storage=Storage.named(storage or (pending or old).storage.label),
            distance=Distance.named(distance or old.distance.label),
            transform=words,
            index=None if index == "exact" else index or default_index(self._record),
        )
        self._convert(form, progress=progress)

    def compress(
        self,
        recall: float = 0.98,
        limit: int = 10,
        *,
        sample: int = 200,
        rows: int | None = 20_000,
        candidates: Sequence[CandidateLike] | None = None,
        queries: Sequence[str] | ArrayLike | None = None,
        progress: bool = False,
    ) -> Advice:
        """Try forms of the vectors, and return which is the smallest that still finds enough.

        Each form is built beside the collection from the same chunks, searched, measured and
        dropped; the collection stays as it is. Recall is against exact search over what is stored
        now. `collection.convert(**advice.best.as_convert())` takes the advice. See
        docs/compression.md.

        Args:
            recall: what is enough, above 0 and at most 1.
            limit: how many rows a search is for.
            sample: how many stored vectors to use as queries: of chunks that are not among
                `rows` where there are enough, else each without its own document.
            rows: chunks that each form is tried with, drawn at random; None: all.
            candidates: the forms, as Candidates or as keywords of `convert`; None: about ten that
                are usually worth trying. The current form is always among them.
            queries: your own queries instead: texts or vectors of shape (n, dim).
            progress: whether a progress bar is shown on stderr.

        Raises:
            ConfigurationError: the collection is empty or keeps only bits, or an argument is out
                of its range. A form that cannot be had is in `advice.skipped`, with the reason.
            GenerationChangedError: somebody converted the collection meanwhile.
        """
        with shown(progress) as display, self._writing():
            return advise(
                self._database,
                self._record,
                recall=recall,
                limit=limit,
                sample=sample,
                rows=rows,
                candidates=candidates,
                queries=None if queries is None else self._model.queries(queries),
                display=display,
            )

    def train_sql_encoder(
        self, options: TrainOptions | None = None, *, progress: PhaseProgress | None = None
    ) -> SQLEncoderReport:
        """Train an encoder that Postgres runs itself, and return how well it does.

        With it, `<name>_search('text')` needs no worker. The encoder predicts the model's vector of
        a query from its tokens. It is trained on this collection's texts and on short pieces of
        them, which takes one to a few minutes. What it loses against the model is measured on
        held-out queries, and stored with it. See docs/sql.md.

        Args:
            options: how much to train on.
            progress: called with what is being done, how much of it is done and is to be done.

        Raises:
            ConfigurationError: the collection has no model.
            SQLEncoderError: the model's tokenizer is not WordPiece, or there are too few texts.
            GenerationChangedError: the collection was converted meanwhile.
        """
        from embeddb.sql_encoder import TrainOptions, train_sql_encoder  # it needs scipy

        given = options or TrainOptions()
        with self._writing():
            return train_sql_encoder(
                self._database,
                self._record,
                self._model,
                given,
                progress or (lambda phase, done, total: None),
            )

    def sql_encoder(self) -> SQLEncoderInfo | None:
        """Return what is known of the encoder that Postgres runs itself; None: there is none."""
        return SQLEncoders(self._database).get(self._record)

    def drop_sql_encoder(self) -> bool:
        """Remove the encoder that Postgres runs itself, and return whether there was one."""
        return SQLEncoders(self._database).drop(self._record)
