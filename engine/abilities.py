"""What a loaded model can be asked for; plain data, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """Every model gives vectors; a decoder generates and scores choices, too, an encoder may know labels.

    `labels` are those that the model was trained to tell apart, in the order of its scores. With
    `multi_label` each is told by itself: several may hold of a text, or none.
    """

    generates: bool
    labels: tuple[str, ...] | None = None
    multi_label: bool = False


DECODER = Abilities(generates=True)
