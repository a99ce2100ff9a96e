"""What people see of a head."""

from pathlib import Path

import pytest

from jobs.heads import LabelScore
from producer.head_screen import show_head
from tests.heads import card_of


def test_labels_stand_worst_first_with_how_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    card = card_of(labels=("good", "bad"))
    good, bad = card.held_out.labels
    worse = bad.model_copy(update={"f1": 0.25, "recall": 0.125})
    held_out = card.held_out.model_copy(update={"labels": (good, worse)})
    show_head(card.model_copy(update={"held_out": held_out}), Path("HEAD"), None, None)
    shown = capsys.readouterr().out
    assert 0 < shown.index("bad") < shown.index("good")
    assert "0.12" in shown
    assert "accuracy 1.000" in shown
    assert "  at least 90.0 % of the labels right: 100.0 % of the texts can be labelled\n" in shown
    assert "--head HEAD" in shown
    assert "get no label" not in shown
    assert "left out" not in shown


def test_a_threshold_and_what_was_left_out_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_head(
        card_of(precision=0.95, abstain_below=0.7, left_out={"too_long": 1200}), Path("HEAD"), None, None
    )
    shown = capsys.readouterr().out
    assert (
        "texts whose label is less sure than 0.700 get none, so that at least 95.0 % of the labels given are "
        "right\n"
    ) in shown
    assert "1,200 too_long" in shown


def test_a_label_that_would_move_the_cursor_is_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    card = card_of()
    scores = [
        LabelScore(label=each, precision=1, recall=1, f1=1, support=5) for each in ("\x1b[2Jred", "[b]blue")
    ]
    held_out = card.held_out.model_copy(update={"labels": tuple(scores)})
    show_head(card.model_copy(update={"held_out": held_out}), Path("HEAD"), None, None)
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "[b]blue" in shown


@pytest.mark.parametrize(
    ("elsewhere", "model"), [(None, ""), ("tiny", ""), ("another", "--model '/my models/tiny' ")]
)
def test_the_command_that_uses_a_head_has_all_that_it_needs_and_no_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, elsewhere: str | None, model: str
) -> None:
    monkeypatch.delenv("BYDAWN_MODEL", raising=False)
    if elsewhere is not None:
        monkeypatch.setenv("BYDAWN_MODEL", elsewhere)
    show_head(card_of(loaded_as="/my models/tiny"), Path("HEAD"), "the body", "id no")
    command = "bydawn run classify INPUT --text-field 'the body' --id-field 'id no' --head HEAD "
    assert f"{command}{model}--out RESULTS" in capsys.readouterr().out
