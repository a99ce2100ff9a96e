"""Addresses with a `*` in them: `s3://bucket/reports/*.pdf`, `docs/**/minutes-*.md`."""

import re
from pathlib import Path

_FOLDERS = re.compile(r"((?<![^/])\*\*/|\*\*)")
_MEANS = {"**/": "(?:.*?/)??", "**": ".*?"}


def is_pattern(uri: str) -> bool:
    """Whether an address stands for all that match it; a local file of that very name goes before."""
    return "*" in uri and (uri.startswith("s3://") or not Path(uri).exists())


def pattern_root(uri: str) -> str:
    """The folder or prefix above the first `*`; a local one is made absolute."""
    root = uri[: uri.index("*")].rpartition("/")[0]
    if uri.startswith("s3://"):
        return root
    return str(Path(root or ("/" if uri.startswith("/") else ".")).absolute())


def pattern_regex(uri: str) -> re.Pattern[str]:
    """What an address below `pattern_root` must be: `*` is anything but a `/`, `**` anything at all."""
    rest = uri[uri[: uri.index("*")].rfind("/") + 1 :]
    return re.compile(re.escape(pattern_root(uri).rstrip("/")) + "/" + _below(rest), re.DOTALL)


def _below(rest: str) -> str:
    """Without backtracking from one `*` into those before, which took time to the power of their number.

    Where the text between two stars stands first, nothing is lost by taking it there: the second star is
    anything that a later place would have left to the first. So all but what ends the address is atomic.
    """
    first, *others = _FOLDERS.split(rest)
    means = ["", *(_MEANS[wild] for wild in others[::2])]
    *early, last = zip(means, [first, *others[1::2]], strict=True)
    return "".join(f"(?>{mean}{_first_place(names)})" for mean, names in early) + last[0] + _end(last[1])


def _first_place(names: str) -> str:
    first, *others = map(re.escape, names.split("*"))
    return first + "".join(f"(?>[^/]*?{text})" for text in others)


def _end(names: str) -> str:
    before, star, text = names.rpartition("*")
    return _first_place(before) + "[^/]*" + re.escape(text) if star else re.escape(text)
