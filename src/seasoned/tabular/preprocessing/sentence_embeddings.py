"""Sentence embeddings: the mean of the static vectors of a text's tokens, from the package wordllama.

The wheel of wordllama 0.4 contains a tokenizer of 32,000 tokens, mostly of English, and a vector of 256 numbers for
each token. Both files are read here without the code of the package, which looks for the tokenizer in a folder that the
wheel lacks, and then on the network.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.optional_packages import require
from seasoned.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["DIMENSIONS", "EMBEDDING_PACKAGE", "embed_texts", "has_embeddings", "missing_embeddings"]

EMBEDDING_PACKAGE: Final = "wordllama"
DIMENSIONS: Final = 256
"""Numbers of the embedding of a text."""
_TOKENIZER: Final = Path("tokenizers") / "l2_supercat_tokenizer_config.json"
_VECTORS: Final = Path("weights") / "l2_supercat_256.safetensors"


def has_embeddings() -> bool:
    """True if the package with the vectors is installed; it is not imported."""
    return _folder() is not None


def missing_embeddings() -> MissingExtra:
    """Error for a model that needs embeddings without their package."""
    return MissingExtra.of(EMBEDDING_PACKAGE, "a model of texts")


def embed_texts(texts: Sequence[Sequence[str | None]], longest: int) -> NDArray[np.float32]:
    """Return the embeddings of all text columns: unit vectors, or 0 for a missing or empty text.

    Args:
        texts: The texts of each column.
        longest: Characters read per text.

    Returns:
        Shape (n, 256 columns).

    Raises:
        MissingExtra: If the package with the vectors is not installed.
    """
    folder = _folder()
    if folder is None:
        raise missing_embeddings()
    tokenizer, vectors = _model(folder)
    found = np.zeros((len(texts[0]), len(texts), DIMENSIONS), dtype=np.float32)
    for column, values in enumerate(texts):
        for row, text in enumerate(values):
            # one text a call: a call with several starts threads, which a later fork of the process would lose
            tokens = tokenizer.encode(text[:longest], add_special_tokens=False).ids if text else ()
            if len(tokens):
                found[row, column] = vectors[tokens].mean(axis=0, dtype=np.float32)
    found /= np.maximum(np.linalg.norm(found, axis=2, keepdims=True), 1e-12)
    return found.reshape(len(found), len(texts) * DIMENSIONS)


def _folder() -> Path | None:
    """Folder of the package; None if it is not installed, or has other files."""
    found = importlib.util.find_spec(EMBEDDING_PACKAGE)
    folder = None if found is None or found.origin is None else Path(found.origin).parent
    there = folder is not None and all((folder / name).is_file() for name in (_TOKENIZER, _VECTORS))
    return folder if there else None


@lru_cache(maxsize=1)
def _model(folder: Path) -> tuple[Any, NDArray[np.float16]]:
    """Tokenizer, and the vector of each token."""
    tokenizer = require("tokenizers").Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    (vectors,) = require("safetensors.numpy").load_file(folder / _VECTORS).values()
    return tokenizer, vectors
