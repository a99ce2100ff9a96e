"""Others' words on our terminal."""


def plain(text: str) -> str:
    """The text without characters that could move the cursor, hide or reorder what stands beside it."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
