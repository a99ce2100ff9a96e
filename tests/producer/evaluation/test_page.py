"""The page of `bydawn evaluate`: whole, and safe whatever stands in labels, texts and ids."""

from html.parser import HTMLParser
from pathlib import Path

from tests.producer.evaluation.files import HOSTILE, Run, label_of, write


class _Page(HTMLParser):
    """What a browser would make of it: tags, attributes and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _check_page(path: Path) -> _Page:
    body = path.read_text(encoding="utf-8")
    page = _Page(body)
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    addresses = [value for name, value in page.attributes if name in ("src", "srcset", "href")]
    assert all(value is not None and value.startswith("data:image/png;base64,") for value in addresses)
    assert not set(body) & {"\x1b", "\x00", "\u202e"}
    assert {value for name, value in page.attributes if name == "media"} <= {
        "screen and (prefers-color-scheme: dark)"
    }
    return page


def test_hostile_labels_texts_and_ids_stay_text(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", label_of(HOSTILE, HOSTILE, 0.9), label_of("2", "ok", 0.5))
    write(
        tmp_path / "t.jsonl",
        {"id": HOSTILE, "label": HOSTILE + "!", "text": HOSTILE},
        {"id": "2", "label": "ok"},
    )
    code, out, _ = run("r.jsonl", "--truth", "t.jsonl", "--html", "page.html", "--picture", "matrix.png")
    assert code == 0
    assert not set(out) & {"\x1b", "\x00", "\u202e"}
    page = _check_page(tmp_path / "page.html")
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert page.text.count("{{ 7*7 }}") >= 4
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_hostile_summaries_stay_text(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", {"id": HOSTILE, "summary": HOSTILE, "low_quality": HOSTILE})
    write(tmp_path / "t.jsonl", {"id": HOSTILE, "summary": HOSTILE, "text": HOSTILE})
    code, out, _ = run("r.jsonl", "--truth", "t.jsonl", "--versus", "r.jsonl", "--html", "page.html")
    assert code == 0
    assert not set(out) & {"\x1b", "\x00", "\u202e"}
    page = _check_page(tmp_path / "page.html")
    assert page.tags.count("article") == 1
    assert page.text.count("<script>alert(1)</script>") >= 5


def test_a_page_of_many_summaries_shows_the_worst_and_says_so(run: Run, tmp_path: Path) -> None:
    summaries = [{"id": str(n), "summary": "a b c d e f"[: 1 + n % 11]} for n in range(301)]
    write(tmp_path / "r.jsonl", *summaries)
    write(tmp_path / "t.jsonl", *({"id": str(n), "summary": "a b c d e f"} for n in range(301)))
    assert run("r.jsonl", "--truth", "t.jsonl", "--html", "page.html")[0] == 0
    page = _check_page(tmp_path / "page.html")
    assert page.tags.count("article") == 300
    assert "300 of 301 rows" in " ".join(page.text.split())
