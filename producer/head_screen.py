"""How good a head is, as a table."""

import os
import shlex
from pathlib import Path

from rich.table import Table
from rich.text import Text

from jobs.heads import HeadCard
from jobs.names import model_alias
from producer.percent import percent
from producer.plain import plain
from producer.screen import output_console

_MOST_LABELS = 100


def show_head(card: HeadCard, folder: Path, text_field: str | None, id_field: str | None) -> None:
    """What was held out of the fit says it, a label a line, the worst first; then how the head is used."""
    console = output_console()
    held_out = card.held_out
    console.print(_labels_table(card))
    console.print(
        f"accuracy {held_out.accuracy:.3f} · macro F1 {held_out.macro_f1:.3f} · calibration error "
        f"{held_out.calibration_error:.3f} · {card.folds} folds of {held_out.rows:,} texts",
        highlight=False,
    )
    for precision, share in held_out.coverage.items():
        console.print(
            f"  at least {percent(float(precision))} of the labels right: {percent(share)} of the texts can "
            "be labelled",
            highlight=False,
            soft_wrap=True,
        )
    if card.abstain_below is not None and card.precision is not None:
        console.print(
            f"texts whose label is less sure than {card.abstain_below:.3f} get none, so that at least "
            f"{percent(card.precision)} of the labels given are right",
            highlight=False,
            soft_wrap=True,
        )
    if card.left_out:
        told = ", ".join(f"{rows:,} {reason}" for reason, rows in card.left_out.items())
        console.print(Text(plain(f"left out of the history: {told}")), soft_wrap=True)
    console.print(
        Text(plain(f"head in {folder}: {_use(card, folder, text_field, id_field)}")),
        soft_wrap=True,
    )


def _use(card: HeadCard, folder: Path, text_field: str | None, id_field: str | None) -> str:
    """A head's model is taken by itself, unless the environment names another one."""
    elsewhere = os.environ.get("BYDAWN_MODEL")
    is_other = elsewhere is not None and model_alias(elsewhere) != card.model.alias
    options = {
        "--text-field": text_field,
        "--id-field": id_field,
        "--head": str(folder),
        "--model": card.loaded_as if is_other else None,
    }
    given = " ".join(f"{option} {shlex.quote(value)}" for option, value in options.items() if value)
    return f"bydawn run classify INPUT {given} --out RESULTS"


def _labels_table(card: HeadCard) -> Table:
    table = Table(title="held-out rows", title_justify="left")
    table.add_column("label", overflow="fold", style="green")
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right")
    worst_first = sorted(card.held_out.labels, key=lambda each: each.f1)
    for each in worst_first[:_MOST_LABELS]:
        figures = (f"{each.precision:.2f}", f"{each.recall:.2f}", f"{each.f1:.2f}", f"{each.support:,}")
        table.add_row(Text(plain(each.label)), *figures)
    return table
