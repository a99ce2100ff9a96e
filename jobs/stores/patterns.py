"""Addresses with a `*` in them: `s3://bucket/reports/*.pdf`, `docs/**/minutes-*.md`."""

import re
from pathlib import Path

_WILD = re.compile(r"\*\*/|\*\*|\*")
_MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}


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
    literal = re.split(_WILD, rest)
    wild = [_MEANS[each] for each in _WILD.findall(rest)] + [""]
    below = "".join(re.escape(text) + means for text, means in zip(literal, wild, strict=True))
    return re.compile(re.escape(pattern_root(uri).rstrip("/")) + "/" + below, re.DOTALL)
