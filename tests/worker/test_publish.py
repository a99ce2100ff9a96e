"""What a worker tells producers of its model."""

from dataclasses import replace

import pytest

from engine import Abilities
from engine.abilities import DECODER
from jobs.papers import read_served_model
from jobs.spec import Kind
from jobs.stores import MemoryStore
from tests.worker.fakes import fake_model
from worker.bootstrap import publish_model

LABELS = ("billing", "bug")


@pytest.mark.parametrize(
    ("abilities", "kinds"),
    [
        (DECODER, ("classify", "summarize", "generate", "embed")),
        (Abilities(generates=False), ("embed",)),
        (Abilities(generates=False, labels=LABELS), ("classify", "embed")),
        (Abilities(generates=False, labels=LABELS, multi_label=True), ("classify", "embed")),
    ],
)
def test_a_model_is_told_with_its_kinds_and_its_labels(abilities: Abilities, kinds: tuple[Kind, ...]) -> None:
    store = MemoryStore()
    model, _ = fake_model(lambda *_: None, abilities=abilities)
    publish_model(store, replace(model, num_layers=12), "models/tiny")
    served = read_served_model(store, "tiny")
    assert served is not None
    assert (served.kinds, served.labels) == (kinds, abilities.labels)
    assert (served.name, served.num_layers) == ("models/tiny", 12)
    assert served.multi_label == abilities.multi_label
