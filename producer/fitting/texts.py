"""What is to be embedded of a history."""

from dataclasses import dataclass

from jobs.readers import InputRow
from jobs.spec import EmbedSpec


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, and how they become vectors; the same `key` is the same job."""

    source: str
    rows: list[InputRow]
    spec: EmbedSpec
    model: str
    key: str
