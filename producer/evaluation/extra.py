"""What of the extra `evaluate` is missing, told with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from producer.errors import UserError

_PACKAGES = {
    "matplotlib": "matplotlib",
    "nltk": "rouge-score",
    "numpy": "scikit-learn",
    "rouge_score": "rouge-score",
    "sklearn": "scikit-learn",
}


@contextmanager
def needs_extra() -> Iterator[None]:
    """Around imports; raises `UserError` where a package of the extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top not in _PACKAGES:
            raise
        raise UserError(
            f"`bydawn evaluate` needs {_PACKAGES[top]}, which is not installed: "
            "in bydawn's folder, pip install '.[evaluate]'"
        ) from error
