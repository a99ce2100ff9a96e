"""In what two submissions under one key differ, in the words of the command line."""

from collections.abc import Iterable, Iterator, Mapping

from jobs.spec import Label

_NAMES = {
    "source": "the input",
    "rows": "rows",
    "kind": "the kind",
    "scores": "--label-only",
    "prompt": "--prompt-file",
}
"""The others are options that are called as their field is."""
_NOT_SHOWN = frozenset(("examples", "prompt", "json_schema", "head"))  # users' texts, or a hash
_MAX_TOLD_CHARACTERS = 300  # labels and system messages would fill the screen


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """`--priority standard, now urgent`; of another kind of job that alone."""
    fields = ["kind"] if before["kind"] != now["kind"] else list(before)
    for field in fields:
        if before[field] != now[field]:
            yield _difference(field, _words(field, before[field]), _words(field, now[field]))


def _difference(field: str, before: str, now: str) -> str:
    name = _NAMES.get(field, "--" + field.replace("_", "-"))
    is_told = before != now and len(before + now) <= _MAX_TOLD_CHARACTERS
    return f"{name} {before}, now {now}" if is_told else f"another {name.removeprefix('the ')}"


def _words(field: str, value: object) -> str:
    if field == "scores":  # which --label-only leaves out
        value = not value
    if value is None or value is False or value == ():
        return "not given"
    if value is True or field in _NOT_SHOWN:
        return "given"
    return _list(value) if isinstance(value, tuple) else str(value)


def _list(items: Iterable[object]) -> str:
    """As the options take them; of a label its name."""
    return ",".join(item.name if isinstance(item, Label) else str(item) for item in items)
