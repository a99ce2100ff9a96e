"""An evaluation as one HTML file that needs nothing else: no scripts, no fonts, no network."""

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from jobs.numbers import numbers
from producer.evaluation.evaluation import Whole
from producer.evaluation.label_evaluation import LabelEvaluation
from producer.evaluation.meanings import CHOSEN_HERE, MEANINGS, TITLES, number, threshold
from producer.evaluation.picture import DARK, LIGHT, MAX_LABELS, Theme, calibration_picture, confusion_picture
from producer.evaluation.row_lines import row_lines
from producer.evaluation.summary_evaluation import FIGURES, Read
from producer.percent import percent

MAX_READ_ROWS = 300
_EXCERPT_CHARS = 6000
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WORD = re.compile(r"(\w+(?:[.,]\d+)*)")


@dataclass(frozen=True, slots=True)
class Picture:
    """Data addresses, one for a light page and one for a dark one."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Card:
    """One row to read; `ranks` are its places when ordered by each figure, the worst first.

    Texts of summaries come in pieces, with those marked that aren't in the source.
    """

    read: Read
    other: Read | None
    source: str | None
    source_words: int
    pieces: list[tuple[str, bool]]
    other_pieces: list[tuple[str, bool]]
    ranks: dict[str, int]


def page(whole: Whole) -> str:
    report = whole.report
    evaluation = report.evaluation
    pictures = _pictures(evaluation) if isinstance(evaluation, LabelEvaluation) else {}
    return (
        _environment()
        .get_template(f"{evaluation.kind}.html")
        .render(
            report=report,
            evaluation=evaluation,
            lines=row_lines(evaluation),
            pictures=pictures,
            max_labels=MAX_LABELS,
            cards=_cards(whole),
            num_reads=len(whole.reads),
            orders=[name for name in FIGURES if any(read.value(name) is not None for read in whole.reads)],
        )
    )


def readable(value: object) -> object:
    """Texts without control characters, marks that turn the direction of what follows, or surrogates."""
    return _UNFIT.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(number=number, percent=percent, titles=TITLES, meanings=MEANINGS)
    environment.globals.update(threshold=threshold, chosen_here=CHOSEN_HERE)
    return environment


def _pictures(evaluation: LabelEvaluation) -> dict[str, Picture]:
    confusion, calibration = evaluation.figures.confusion, evaluation.calibration
    pictures = {"confusion": _in_both(lambda theme: confusion_picture(confusion, theme))}
    if calibration is not None:
        pictures["calibration"] = _in_both(lambda theme: calibration_picture(calibration, theme))
    return pictures


def _in_both(draw: Callable[[Theme], bytes]) -> Picture:
    return Picture(_data_address(draw(LIGHT)), _data_address(draw(DARK)))


def _data_address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _cards(whole: Whole) -> list[Card]:
    """The rows with the lowest ROUGE-L first, as many as a browser takes well."""
    reads = sorted(whole.reads, key=lambda read: read.value("rouge_l") or 0.0)[:MAX_READ_ROWS]
    ranks = {name: _ranks(reads, name) for name in FIGURES}
    return [
        _card(read, whole.others.get(read.id), {name: of[place] for name, of in ranks.items()})
        for place, read in enumerate(reads)
    ]


_HIGH_IS_BAD = frozenset({"words", "compression", "repeated"})


def _ranks(reads: Iterable[Read], figure: str) -> list[int]:
    """Each row's place when ordered by a figure, the worst first; rows without it come last."""
    values = [read.value(figure) for read in reads]
    sign = -1 if figure in _HIGH_IS_BAD else 1
    order = sorted(range(len(values)), key=lambda row: (values[row] is None, sign * (values[row] or 0.0)))
    places = {row: place for place, row in enumerate(order)}
    return [places[row] for row in range(len(values))]


def _card(read: Read, other: Read | None, ranks: dict[str, int]) -> Card:
    return Card(
        read=read,
        other=other,
        source=None if read.source is None else read.source[:_EXCERPT_CHARS],
        source_words=0 if read.source is None else len(read.source.split()),
        pieces=_pieces(read),
        other_pieces=[] if other is None else _pieces(other),
        ranks=ranks,
    )


def _pieces(read: Read) -> list[tuple[str, bool]]:
    """A summary's text, with whether each piece is a word or number that its source hasn't."""
    unsupported = set(read.unsupported)
    pieces = _WORD.split(read.summary or "")
    return [(piece, _is_among(piece, unsupported)) for piece in pieces if piece]


def _is_among(piece: str, unsupported: set[str]) -> bool:
    return piece.lower() in unsupported or any(each in unsupported for each in numbers(piece))
