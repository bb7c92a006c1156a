"""An encoder that is a table: a text's vector is a sum over its tokens, so that SQL can compute it.

::

    tokens of the model's tokenizer, whole words, pairs of neighbours     features.py, wordpiece.py
    texts of the collection and short spans of them, as the model encodes them           spans.py
    ridge regression from the former to the latter                                         fit.py
    measured on held-out spans against the model itself                                 report.py
"""

from __future__ import annotations

from embeddb.sql_encoder.report import SQLEncoderReport
from embeddb.sql_encoder.train import TrainOptions, train_sql_encoder

__all__ = ["SQLEncoderReport", "TrainOptions", "train_sql_encoder"]
