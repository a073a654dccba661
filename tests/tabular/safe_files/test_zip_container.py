"""Zip container of a saved model: limits that hold for writing, too."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files import npz, zip_container


def test_a_container_that_load_would_refuse_is_not_written():
    even = npz.dump({"a": np.zeros(2**23)})
    with pytest.raises(InvalidInput, match="times the size of their file, and load accepts at most"):
        zip_container.pack({}, {"model-0": even}, None)
