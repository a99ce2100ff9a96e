"""Make a command of a kind's options and an action's: each set of options is declared once."""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from jobs.spec import Spec
from producer.asked import Asked
from producer.spec_errors import as_user_error

_NO_OPTIONS = ("spec", "with_head")


def compose(make_spec: Callable[..., Spec | Asked], act: Callable[..., None]) -> Callable[..., None]:
    """A function with the parameters of both, for typer to read; `act` gets the spec, then its own.

    A parameter that both have (`text_field`) goes to both. A head that comes with the spec is `act`'s
    argument `with_head`.
    """
    of_spec = inspect.signature(make_spec).parameters
    of_act = {
        name: each for name, each in inspect.signature(act).parameters.items() if name not in _NO_OPTIONS
    }

    def command(**given: Any) -> None:
        try:
            asked = make_spec(**{name: given[name] for name in of_spec})
        except ValidationError as error:
            raise as_user_error(error) from error
        options = {name: given[name] for name in of_act}
        if isinstance(asked, Asked):
            act(asked.spec, **options, with_head=asked.head)
        else:
            act(asked, **options)

    both = {**of_spec, **of_act}  # the kind's own options first, in the help, too
    keyword_only = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in both.values()]
    command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    command.__annotations__ = {name: each.annotation for name, each in both.items()}
    command.__doc__ = make_spec.__doc__
    return command
