"""What is to be embedded of a history."""

import hashlib
from dataclasses import dataclass

from jobs.readers import InputRow
from jobs.spec import EmbedSpec


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, and how they become vectors."""

    source: str
    rows: list[InputRow]
    spec: EmbedSpec
    model: str

    @property
    def key(self) -> str:
        """The same for the same vectors, which a fit that asks for another precision has already."""
        digest = hashlib.sha256(f"fit\n{self.model}\n{self.spec.model_dump_json()}".encode())
        for row in self.rows:
            digest.update(repr((row.id, row.text)).encode())
        return digest.hexdigest()
