"""Shares as people read them, everywhere alike."""


def percent(share: float) -> str:
    """`77.8 %`; always with one decimal, so that those below one another can be compared."""
    return f"{share * 100:.1f} %"
