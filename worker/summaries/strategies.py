"""The ways from a document to its summary: at once, by a tree of merges, or from section to section."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Literal

from jobs.outcome import Code, RowError, Usage
from jobs.spec import SummarizeSpec
from jobs.styles import NOTE, PART_WORDS, STYLES, Form
from worker.summaries.prompts import Ask, Stage, Use
from worker.summaries.quality import Flaw, is_repetitive, is_worse
from worker.summaries.sections import sentences
from worker.summaries.tidy import each_once, tidy
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
    whole = Ask(Stage.DOCUMENT, Use.SUMMARY, spec.max_words)
    if spec.strategy == "stuff":
        if not writer.fits(text, whole):
            reason = "the document is longer than the model's context; use --strategy auto"
            raise RowError(Code.TOO_LONG, reason)
        return Found(await writer.write(whole, text), "stuff", (text,), 1)
    sections = tuple(writer.split(text, whole))
    if len(sections) == 1:
        return Found(await writer.write(whole, sections[0]), "stuff", sections, 1)
    if spec.strategy == "refine":
        return await _refine(spec, writer, sections)
    return await _tree(spec, writer, sections)


async def _refine(spec: SummarizeSpec, writer: Writer, sections: tuple[str, ...]) -> Found:
    so_far = await writer.write(Ask(Stage.SECTION, Use.NOTE, _note_words(spec)), sections[0])
    usage = so_far.usage
    for number, section in enumerate(sections[1:], 2):
        both = f"Summary so far: {so_far.text}\n\nNext section: {section}"
        if number == len(sections):
            so_far = await writer.write(Ask(Stage.NOTES, Use.SUMMARY, spec.max_words), both)
        else:
            so_far = await writer.write(Ask(Stage.NOTES, Use.NOTE, _note_words(spec)), both)
        usage += so_far.usage
    return Found(Summary(so_far.text, so_far.flaw, usage), "refine", sections, len(sections))


async def _tree(spec: SummarizeSpec, writer: Writer, sections: tuple[str, ...]) -> Found:
    """Notes of the sections, merged until they are few enough to be the summary, or its parts."""
    num_parts, document = _num_parts(spec), "\n\n".join(sections)
    texts, stage, earlier = list(sections), Stage.SECTION, list[str]()
    usage, is_lossy = Usage(), False
    for level in range(1, _MOST_LEVELS + 1):
        is_last = len(texts) <= num_parts
        written = await writer.write_all(_ask(spec, stage, len(texts) if is_last else None), texts)
        usage += _usage(written)
        notes = _without_flawed(written)
        is_lossy = is_lossy or len(written) - len(notes) > _MOST_LOST * len(written)
        if is_last:
            best = _checked(_put_together(spec, written, earlier, is_lossy), document)
            return Found(replace(best, usage=usage), "tree", sections, level)
        texts, stage, earlier = _grouped(writer, spec, notes, num_parts), Stage.NOTES, notes
        if num_parts < len(texts) >= len(notes):
            break
    best = _checked(Summary(side_by_side(earlier, spec.max_words), Flaw.NOT_MERGED, usage), document)
    return Found(best, "tree", sections, level)


def _num_parts(spec: SummarizeSpec) -> int:
    """How many parts a summary is put together of; 1 where it is one text: a headline, an answer, a memo."""
    is_one_text = spec.style != "paragraph" or spec.focus is not None or spec.prompt is not None
    return 1 if is_one_text else max(spec.max_words // PART_WORDS, 1)


def _ask(spec: SummarizeSpec, stage: Stage, num_last: int | None) -> Ask:
    """`num_last` is how many texts the last level has, None before it."""
    match num_last:
        case None:
            return Ask(stage, Use.NOTE, _note_words(spec))
        case 1:
            return Ask(stage, Use.SUMMARY, spec.max_words)
        case _:
            # Not all of them have so much to say; `side_by_side` keeps to the limit.
            return Ask(stage, Use.PART, min(2 * spec.max_words // num_last, spec.max_words))


def _note_words(spec: SummarizeSpec) -> int:
    return max(spec.max_words, NOTE.words)


def _grouped(writer: Writer, spec: SummarizeSpec, notes: Sequence[str], num_parts: int) -> list[str]:
    """Neighbouring notes together: as few groups as have room, but as many as the summary has parts."""
    ask = Ask(Stage.NOTES, Use.SUMMARY, spec.max_words)
    as_few = writer.split("\n\n".join(notes), ask)
    count = min(num_parts, len(notes))
    borders = [number * len(notes) // count for number in range(count + 1)]
    evenly = ["\n\n".join(notes[start:end]) for start, end in pairwise(borders)]
    return evenly if len(as_few) < count and all(writer.fits(group, ask) for group in evenly) else as_few


def _without_flawed(written: Sequence[Summary]) -> list[str]:
    """The notes that say something of their sections; all of them where none does."""
    return [note.text for note in written if note.flaw is None] or [note.text for note in written]


def _put_together(
    spec: SummarizeSpec, written: Sequence[Summary], earlier: Sequence[str], is_lossy: bool
) -> Summary:
    """The summary of the last level's answers; where these came to nothing, of the notes before them."""
    flaw = Flaw.SECTIONS_LOST if is_lossy else None
    if len(written) == 1 and written[0].flaw is None:
        return Summary(written[0].text, flaw)
    if any(part.flaw is None for part in written):
        return Summary(side_by_side(_without_flawed(written), spec.max_words), flaw)
    if not earlier or STYLES[spec.style].form is not Form.SENTENCES:
        return max(written, key=lambda part: len(part.text))
    return Summary(side_by_side(earlier, spec.max_words), Flaw.NOT_MERGED)


def _checked(summary: Summary, document: str) -> Summary:
    """Texts that are well each may say the same."""
    if is_worse(Flaw.REPETITIVE, summary.flaw) and is_repetitive(summary.text, document):
        return replace(summary, flaw=Flaw.REPETITIVE)
    return summary


def side_by_side(notes: Sequence[str], max_words: int) -> str:
    """As many first, then second, ... sentences of all notes as fit, in the order of the notes."""
    every = [(number, place) for place, note in enumerate(notes) for number in range(len(sentences(note)))]
    found = [sentences(note) for note in notes]
    once = set(each_once(found[place][number] for number, place in sorted(every)))
    kept: list[tuple[int, int]] = []
    num_words = 0
    for number, place in sorted(every):
        if (sentence := found[place][number]) not in once:
            continue
        once.remove(sentence)
        num_words += count_words(sentence)
        if num_words > max_words:
            break
        kept.append((place, number))
    whole = " ".join(found[place][number] for place, number in sorted(kept))
    return whole or tidy(notes[0], Form.SENTENCES, max_words)


def _usage(written: Sequence[Summary]) -> Usage:
    return reduce(Usage.__add__, (each.usage for each in written), Usage())
