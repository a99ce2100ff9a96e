"""Where the models lie between runs."""

import hashlib
import os
from pathlib import Path

from ops.benchmark.gpu.shapes import Shape

FORMAT = 1  # another one makes every folder anew


def cache_folder() -> Path:
    """The folder of all of them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bydawn" / "bench"


def model_folder(shape: Shape) -> Path:
    """The folder of a shape, whether it has been made or not."""
    digest = hashlib.sha256(f"{FORMAT} {shape}".encode()).hexdigest()[:8]
    return cache_folder() / f"{shape.name}-{digest}"
