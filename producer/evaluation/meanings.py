"""What each figure is called and what it means, for the terminal and the page alike."""

import math

CHOSEN_HERE = (
    "The thresholds are chosen on these very rows, so that others will do a little worse: the fewer rows, "
    "the more."
)
TITLES = {
    "accuracy": "accuracy",
    "accuracy_answered": "of the answered",
    "accuracy_of_truth": "of all the truth",
    "macro_f1": "macro F1",
    "calibration": "calibration error",
    "subset_accuracy": "all labels right",
    "micro_f1": "micro F1",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "supported_sentences": "sentences in source",
    "supported_numbers": "numbers in source",
    "words": "words",
    "compression": "compression",
    "repeated": "repetition",
    "ends_whole": "ends whole",
    "over_limit": "over the limit",
    "low_quality_share": "low quality",
}
MEANINGS = {
    "accuracy": "share of rows whose label is right",
    "accuracy_answered": "accuracy of the rows that have a label",
    "accuracy_of_truth": "rows that the results don't have count as wrong",
    "macro_f1": "mean of the labels' F1, each label alike",
    "calibration": "gap between confidence and accuracy, 10 equal bins (ECE)",
    "subset_accuracy": "share of rows with all their labels and no other",
    "micro_f1": "every label of every row alike",
    "rouge1": "words shared with the reference (F)",
    "rouge2": "pairs of words shared with it (F)",
    "rouge_l": "longest common run of words, with gaps (F)",
    "supported_sentences": "share whose words and numbers it has",
    "supported_numbers": "share of the numbers that it has",
    "words": "length of the summary",
    "compression": "summary's words / source's words",
    "repeated": "share of 3-word runs said before",
    "ends_whole": "share that ends with a whole sentence",
    "over_limit": "share with more words than allowed",
    "low_quality_share": "share that the job itself marked",
}


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def threshold(confidence: float) -> str:
    """With 3 digits, rounded down: rounded up, it would leave out the row that it is the confidence of."""
    return f"{math.floor(confidence * 1000 + 1e-9) / 1000:.3f}"
