"""A command as tests run it: its exit code, and what it prints."""

from collections.abc import Callable

Run = Callable[..., tuple[int, str]]

JOB = "20260101t000000-00000001"
