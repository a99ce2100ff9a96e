"""Users' inputs as rows, streamed."""

from jobs.readers.reading import read_rows
from jobs.readers.row import InputError, InputRow
from jobs.readers.sampling import Reservoir, limit, sample
from jobs.readers.unique import UniqueIds

__all__ = ["InputError", "InputRow", "Reservoir", "UniqueIds", "limit", "read_rows", "sample"]
