"""Whether the extra `fit` is installed."""

from importlib.util import find_spec

from producer.errors import UserError

_MODULES = ("numpy", "sklearn")


def check_installed() -> None:
    """Raises UserError with the remedy; asked before the work, not after it."""
    if missing := [name for name in _MODULES if find_spec(name) is None]:
        raise UserError(
            f"`bydawn fit` needs the extra 'fit' ({', '.join(missing)} is missing): "
            "in bydawn's folder, pip install '.[fit,local,worker]'"
        )
