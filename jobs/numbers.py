"""Numbers in texts, as they compare: a summary's with its document's, however each writes them."""

import re
from collections.abc import Set
from itertools import pairwise

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SCALED = re.compile(r"(\d+(?:\.\d+)?)[ -]?(thousand|million|billion|trillion|k|m|mn|bn|tn)\b", re.IGNORECASE)
_ZEROS = {"t": 3, "k": 3, "m": 6, "b": 9, "tr": 12, "tn": 12}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SWAPPED = str.maketrans(".,", ",.")
_LETTERS = re.compile(r"[a-z]+")

_SMALL = re.findall(
    r"\w+",
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = re.findall(
    r"\w+", "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
_VALUES = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: value for value, word in enumerate(_ORDINALS, 1)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
}


def numbers(text: str) -> list[str]:
    """Numbers in digits, without what changes nothing: `1,234.50` is `1234.5`."""
    return [_plain(found) for found in _digits(text)]


def numbers_said(text: str) -> set[str]:
    """Every reading of a text's numbers, also of those that it has as English words."""
    in_digits = {reading for found in _digits(text) for reading in _readings(found)}
    return {*in_digits, *_scaled(text), *_in_words(text)}


def unknown_numbers(text: str, known: Set[str]) -> list[str]:
    """Those of `numbers` of which no reading is known, that is, among what `numbers_said` gave."""
    scaled = {match.start(): _value(match) for match in _SCALED.finditer(text)}
    unknown: list[str] = []
    for match in _NUMBER.finditer(text):
        found = _in_ascii(match[0])
        if known.isdisjoint({*_readings(found), scaled.get(match.start(), found)}):
            unknown.append(_plain(found))
    return unknown


def _digits(text: str) -> list[str]:
    return [_in_ascii(found) for found in _NUMBER.findall(text)]


def _in_ascii(number: str) -> str:
    return "".join(str(int(char)) if char.isdecimal() else char for char in number)


def _readings(found: str) -> tuple[str, str]:
    """What a point and a comma mean depends on the language: 240.000 is 240000, too."""
    return _plain(found), _plain(found.translate(_SWAPPED))


def _plain(found: str) -> str:
    number = _THOUSANDS.sub("", found)
    number = number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
    return re.sub(r"^0+(?=\d)", "", number)


def _scaled(text: str) -> set[str]:
    return {_value(match) for match in _SCALED.finditer(text)}


def _value(scaled: re.Match[str]) -> str:
    """`1.5 million` as `1500000`: the point goes as many digits to the right."""
    whole, _, decimals = scaled[1].partition(".")
    name = scaled[2].lower()
    zeros = _ZEROS.get(name[:2]) or _ZEROS[name[0]]
    if len(decimals) > zeros:
        return scaled[1]
    return _plain(_in_ascii(whole + decimals.ljust(zeros, "0")))


def _in_words(text: str) -> set[str]:
    words = _LETTERS.findall(text.lower())
    alone = {str(_VALUES[word]) for word in words if word in _VALUES}
    together = {str(value) for pair in pairwise(words) if (value := _together(*pair)) is not None}
    return alone | together


def _together(word: str, following: str) -> int | None:
    """Of twenty-five, and of five hundred."""
    first, second = _VALUES.get(word), _VALUES.get(following)
    if not first or not second:
        return None
    if second >= 100:
        return first * second
    return first + second if word in _TENS and second < 10 else None
