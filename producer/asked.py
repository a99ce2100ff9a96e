"""What the options of a kind come to, where that is more than a spec."""

from dataclasses import dataclass

from jobs.heads import Head
from jobs.spec import Spec


@dataclass(frozen=True, slots=True)
class Asked:
    """A spec and the head that it refers to."""

    spec: Spec
    head: Head
