"""Keep the model libraries from drawing bars and logging while a model loads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGERS = ("sentence_transformers", "transformers", "huggingface_hub")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence "Loading weights" bars, notices and deprecation warnings; errors still raise."""
    from transformers.utils import logging as transformers_logging

    bars = transformers_logging.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    _set_bars(False)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        _set_bars(bars)


def _set_bars(shown: bool) -> None:
    from transformers.utils import logging as transformers_logging

    switch: Callable[[], None] = (
        transformers_logging.enable_progress_bar
        if shown
        else transformers_logging.disable_progress_bar
    )
    switch()
