"""One vector of several: what stands for a text whose parts were encoded apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_mean(parts: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The mean of a text's parts (a row each), of unit length; zeros stay zeros."""
    mean = parts.astype(np.float32).mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)
