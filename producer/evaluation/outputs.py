"""Where an evaluation goes: the terminal, one JSON document, a page, a picture."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter
from rich.progress import track

from producer import screen
from producer.errors import UserError
from producer.evaluation.answers import AnswerKind
from producer.evaluation.evaluation import Report, Whole, mistakes_lack_texts
from producer.evaluation.joining import Pair
from producer.evaluation.label_evaluation import LabelEvaluation
from producer.evaluation.terminal import show as show_on_terminal


def as_json(report: Report) -> str:
    return TypeAdapter(Report).dump_json(report, indent=2).decode()


def show(report: Report) -> None:
    show_on_terminal(report, screen.output_console())
    if mistakes_lack_texts(report.evaluation):
        screen.say("name the text's column with --text-field to see the texts of the mistakes")


def tell_progress(pairs: Iterable[Pair[str]]) -> Iterable[Pair[str]]:
    assert isinstance(pairs, Sequence)
    console = screen.progress_console()
    if not console.is_terminal:  # there a bar that vanishes would leave an empty line
        return pairs
    return track(pairs, "comparing summaries", console=console, transient=True)


def write(whole: Whole, html: Path | None, picture: Path | None) -> None:
    """Write what is asked for, each file whole or not at all."""
    evaluation = whole.report.evaluation
    if picture is not None:
        from producer.evaluation.picture import LIGHT, confusion_picture

        if not isinstance(evaluation, LabelEvaluation):
            raise UserError(
                f"--picture {picture}: only results of one label a row have a confusion matrix, "
                f"and {whole.report.results} holds {AnswerKind(evaluation.kind).words}"
            )
        _replace(picture, confusion_picture(evaluation.figures.confusion, LIGHT, is_opaque=True))
    if html is not None:
        from producer.evaluation.page import page

        _replace(html, page(whole).encode())


def tell_written(*files: Path | None) -> None:
    for file in files:
        if file is not None:
            screen.say(f"{file} is written")


def _replace(target: Path, body: bytes) -> None:
    draft = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        draft.write_bytes(body)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"{target} can't be written: {error.strerror}") from error
