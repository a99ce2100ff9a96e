"""ROUGE (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"), by the package rouge-score."""

from dataclasses import dataclass

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from producer.evaluation.words import stems


@dataclass(frozen=True, slots=True)
class Rouge:
    """F-measures of shared words, pairs of words, and the longest common subsequence."""

    rouge1: float
    rouge2: float
    rouge_l: float


class _AnyScript(Tokenizer):  # type: ignore[misc]  # the package has no types
    """The package's own drops all but a to z: a Greek summary would score 0 against itself."""

    def tokenize(self, text: str) -> list[str]:
        return stems(text)


_SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_AnyScript())


def rouge(reference: str, summary: str) -> Rouge:
    """Of a summary against a reference; of English the same as rouge-score's with its stemmer."""
    scores = _SCORER.score(reference, summary)
    return Rouge(scores["rouge1"].fmeasure, scores["rouge2"].fmeasure, scores["rougeL"].fmeasure)
