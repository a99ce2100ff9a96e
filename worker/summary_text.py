"""Make a model's answer a summary: whole sentences, within the word limit."""

from worker.sections import sentences


def tidy_summary(text: str, max_words: int) -> str:
    """The first whole sentences of `text` that fit in `max_words` words.

    Where not even the first one does, or none is whole, it is cut at the limit and marked with an ellipsis.
    """
    paragraph = " ".join(text.split())
    kept: list[str] = []
    num_words = 0
    for sentence in sentences(paragraph):
        num_words += len(sentence.split())
        if num_words > max_words or not sentence.rstrip("\"')]").endswith((".", "!", "?")):
            break
        kept.append(sentence)
    return " ".join(kept) or _cut(paragraph, max_words)


def _cut(text: str, max_words: int) -> str:
    words = text.split()
    return " ".join(words[:max_words]) + " …" if words else ""
