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

    def key(self, fingerprint: str | None) -> str:
        """The same for the same vectors, which a fit that asks for another precision has already.

        `fingerprint` is of the weights that are to make them; None where these are known by their name alone.
        """
        # The source, too: a key stands for one, and the same texts in another file would be refused.
        what = ["fit", self.source, self.model, str(fingerprint), self.spec.model_dump_json()]
        digest = hashlib.sha256("\n".join(what).encode())
        for row in self.rows:
            digest.update(repr((row.id, row.text)).encode())
        return digest.hexdigest()
