"""The ways from a document to its summary: at once, by a tree of merges, or from section to section."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import Literal

from jobs.outcome import Code, RowError, Usage
from jobs.spec import SummarizeSpec
from jobs.styles import STYLES, Form
from worker.summaries.prompts import Stage
from worker.summaries.quality import Flaw
from worker.summaries.sections import sentences
from worker.summaries.tidy import tidy
from worker.summaries.words import count_words
from worker.summaries.writer import Summary, Writer

Used = Literal["stuff", "tree", "refine"]
_MOST_LOST = 1 / 3
_MOST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A summary and how it was come by; a level is a round of asking that needed the one before."""

    summary: Summary
    strategy: Used
    sections: tuple[str, ...]
    levels: int


async def summarize(spec: SummarizeSpec, writer: Writer, text: str) -> Found:
    """By the strategy that the spec names, or for `auto` by the document's length."""
    if spec.strategy == "stuff":
        return await _stuff(writer, text)
    sections = tuple(writer.split(text, Stage.DOCUMENT))
    if len(sections) == 1:
        return Found(await writer.write(Stage.DOCUMENT, sections[0]), "stuff", sections, 1)
    if spec.strategy == "refine":
        return await _refine(writer, sections)
    return await _tree(spec, writer, sections)


async def _stuff(writer: Writer, text: str) -> Found:
    if not writer.fits(text, Stage.DOCUMENT):
        raise RowError(Code.TOO_LONG, "the document is longer than the model's context; use --strategy auto")
    return Found(await writer.write(Stage.DOCUMENT, text), "stuff", (text,), 1)


async def _refine(writer: Writer, sections: tuple[str, ...]) -> Found:
    so_far = await writer.write(Stage.SECTION, sections[0])
    usage = so_far.usage
    for number, section in enumerate(sections[1:], 2):
        stage = Stage.NOTES if number == len(sections) else Stage.SOME_NOTES
        so_far = await writer.write(stage, f"Summary so far: {so_far.text}\n\nNext section: {section}")
        usage += so_far.usage
    return Found(Summary(so_far.text, so_far.flaw, usage), "refine", sections, len(sections))


async def _tree(spec: SummarizeSpec, writer: Writer, sections: tuple[str, ...]) -> Found:
    written = await writer.write_all(Stage.SECTION, sections)
    notes, usage, levels = _without_flawed(written), _usage(written), 1
    is_lossy = len(written) - len(notes) > _MOST_LOST * len(written)
    while True:
        groups = writer.split("\n\n".join(notes), Stage.NOTES)
        is_last = len(groups) == 1
        if not is_last and (len(groups) >= len(notes) or levels == _MOST_LEVELS):
            best = Summary("", Flaw.NOT_MERGED)
            break
        merged = await writer.write_all(Stage.NOTES if is_last else Stage.SOME_NOTES, groups)
        usage, levels = usage + _usage(merged), levels + 1
        if is_last:
            best = merged[0]
            break
        notes = _without_flawed(merged)
    best = _or_side_by_side(spec, best, notes)
    flaw = best.flaw or (Flaw.SECTIONS_LOST if is_lossy else None)
    return Found(Summary(best.text, flaw, usage), "tree", sections, levels)


def _without_flawed(written: Sequence[Summary]) -> list[str]:
    """The notes that say something of their sections; all of them where none does."""
    return [note.text for note in written if note.flaw is None] or [note.text for note in written]


def _or_side_by_side(spec: SummarizeSpec, merged: Summary, notes: Sequence[str]) -> Summary:
    """The merged summary, or where that came to nothing the notes' sentences, marked as what they are."""
    if merged.flaw is None or (merged.text and STYLES[spec.style].form is not Form.SENTENCES):
        return merged
    return Summary(side_by_side(notes, spec.max_words), Flaw.NOT_MERGED)


def side_by_side(notes: Sequence[str], max_words: int) -> str:
    """As many first, then second, ... sentences of all notes as fit, in the order of the notes."""
    rounds = zip_longest(*(enumerate(sentences(note)) for note in notes))
    by_round = [(place, *each) for row in rounds for place, each in enumerate(row) if each is not None]
    kept: list[tuple[int, int, str]] = []
    num_words = 0
    for place, number, sentence in by_round:
        num_words += count_words(sentence)
        if num_words > max_words:
            break
        kept.append((place, number, sentence))
    return " ".join(sentence for _, _, sentence in sorted(kept)) or tidy(notes[0], Form.SENTENCES, max_words)


def _usage(written: Sequence[Summary]) -> Usage:
    return reduce(Usage.__add__, (each.usage for each in written), Usage())
