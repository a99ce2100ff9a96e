"""The kinds of job, one file each: a row comes in, requests go to the engine, a result comes out."""

from worker.kinds.base import Kind, make_kind

__all__ = ["Kind", "make_kind"]
