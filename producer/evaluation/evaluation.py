"""A whole evaluation: read, join, count, compare."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.settings import Settings
from producer.errors import UserError
from producer.evaluation.answers import AnswerKind
from producer.evaluation.joining import Pair, join
from producer.evaluation.label_evaluation import LabelEvaluation, evaluate_labels
from producer.evaluation.label_set_evaluation import LabelSetEvaluation, evaluate_label_sets
from producer.evaluation.places import Place, find_results
from producer.evaluation.results import Results, read_results
from producer.evaluation.source_texts import read_source_texts
from producer.evaluation.summary_evaluation import Read, SummaryEvaluation, evaluate_summaries, read_all
from producer.evaluation.truth import Truth, TruthFields, many_labels, one_label, read_truth, reference
from producer.evaluation.versus import Versus, compare_label_sets, compare_labels, compare_summaries

Evaluation = LabelEvaluation | LabelSetEvaluation | SummaryEvaluation
Tell = Callable[[Iterable[Pair[str]]], Iterable[Pair[str]]]
_DEFAULT_FIELDS = {AnswerKind.LABEL: "label", AnswerKind.LABELS: "labels", AnswerKind.SUMMARY: "summary"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user gave: addresses, and names of the truth's columns where they aren't the usual ones."""

    results: str
    truth: str
    versus: str | None = None
    id_field: str | None = None
    label_field: str | None = None
    summary_field: str | None = None
    source: str | None = None
    text_field: str | None = None
    max_words: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of it."""

    results: str
    truth: str
    evaluation: Evaluation
    versus: Versus | None


def num_abstained(evaluation: Evaluation) -> int:
    """Rows that were left without a label, though they did not fail."""
    return 0 if isinstance(evaluation, SummaryEvaluation) else evaluation.abstained


def mistakes_lack_texts(evaluation: Evaluation) -> bool:
    """Whether wrong labels are shown, and of none of them the text that got it."""
    if isinstance(evaluation, SummaryEvaluation):
        return False
    return bool(evaluation.worst) and not any(each.text for each in evaluation.worst)


@dataclass(frozen=True, slots=True)
class Whole:
    """The report, and the rows that a page for reading shows: ours and, where compared, the others'."""

    report: Report
    reads: list[Read] = field(default_factory=list)
    others: Mapping[str, Read] = field(default_factory=dict)


def evaluate(asked: Asked, settings: Settings, tell: Tell = iter) -> Whole:
    """Raises `UserError` and `InputError` for what can't be read, joined or compared."""
    place = find_results(asked.results, settings)
    ours = _read(place, asked, settings)
    theirs = None
    if asked.versus is not None:
        theirs = _read(find_results(asked.versus, settings), asked, settings)
        if theirs.kind is not ours.kind:
            raise UserError(
                f"{asked.results} holds {ours.kind.words} and {asked.versus} {theirs.kind.words}: "
                "only results of the same kind compare"
            )
    match ours.kind:
        case AnswerKind.LABEL:
            return _labels(asked, settings, ours, theirs)
        case AnswerKind.LABELS:
            return _label_sets(asked, settings, ours, theirs)
        case AnswerKind.SUMMARY:
            limit = asked.max_words if asked.max_words is not None else place.max_words
            return _summaries(asked, settings, ours, theirs, limit, tell)


def _read(place: Place, asked: Asked, settings: Settings) -> Results:
    return read_results(place.results, place.errors, asked.id_field, settings.s3)


def _labels(asked: Asked, settings: Settings, ours: Results, theirs: Results | None) -> Whole:
    truth = read_truth(asked.truth, _truth_fields(asked, ours.kind), one_label, settings.s3)
    pairs, rows = join(truth, ours)
    versus = None if theirs is None else compare_labels(theirs.name, pairs, join(truth, theirs)[0])
    return _whole(asked, evaluate_labels(pairs, rows, ours.offered), versus)


def _label_sets(asked: Asked, settings: Settings, ours: Results, theirs: Results | None) -> Whole:
    truth = read_truth(asked.truth, _truth_fields(asked, ours.kind), many_labels, settings.s3)
    pairs, rows = join(truth, ours)
    versus = None if theirs is None else compare_label_sets(theirs.name, pairs, join(truth, theirs)[0])
    return _whole(asked, evaluate_label_sets(pairs, rows, ours.offered), versus)


def _summaries(
    asked: Asked, settings: Settings, ours: Results, theirs: Results | None, limit: int | None, tell: Tell
) -> Whole:
    truth = read_truth(asked.truth, _truth_fields(asked, ours.kind), reference, settings.s3)
    pairs, rows = join(truth, ours)
    sources = _sources(asked, settings, truth)
    reads = read_all(pairs, sources, limit, tell)
    evaluation = evaluate_summaries(reads, rows, limit)
    if theirs is None:
        return _whole(asked, evaluation, None, reads)
    others = read_all(join(truth, theirs)[0], sources, limit, tell)
    versus = compare_summaries(theirs.name, reads, others)
    return _whole(asked, evaluation, versus, reads, {read.id: read for read in others})


def _whole(asked: Asked, evaluation: Evaluation, versus: Versus | None, *reads: Any) -> Whole:
    return Whole(Report(asked.results, asked.truth, evaluation, versus), *reads)


def _truth_fields(asked: Asked, kind: AnswerKind) -> TruthFields:
    given = {"--label-field": asked.label_field, "--summary-field": asked.summary_field}
    option, other = list(given) if kind is not AnswerKind.SUMMARY else reversed(given)
    if given[other] is not None:
        raise UserError(
            f"{other} {given[other]} does not fit: {asked.results} holds {kind.words}; give {option}"
        )
    return TruthFields(given[option] or _DEFAULT_FIELDS[kind], option, asked.id_field, asked.text_field)


def _sources(asked: Asked, settings: Settings, truth: Truth[str]) -> dict[str, str]:
    if asked.source is None:
        return truth.texts
    wanted = truth.values.keys()
    return read_source_texts(asked.source, asked.text_field, asked.id_field, wanted, settings.s3)
