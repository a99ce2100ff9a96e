"""Users' inputs as rows, streamed."""

from jobs.readers.fields import USUAL_ID_FIELD, USUAL_TEXT_FIELDS, check_field
from jobs.readers.reading import TABLE_SUFFIXES, check_there, open_table, read_rows
from jobs.readers.row import InputError, InputRow
from jobs.readers.sampling import Reservoir, limit, sample
from jobs.readers.table import Record, Table, record_id
from jobs.readers.undecodable import with_marks
from jobs.readers.unique import UniqueIds

__all__ = [
    "TABLE_SUFFIXES",
    "USUAL_ID_FIELD",
    "USUAL_TEXT_FIELDS",
    "InputError",
    "InputRow",
    "Record",
    "Reservoir",
    "Table",
    "UniqueIds",
    "check_field",
    "check_there",
    "limit",
    "open_table",
    "read_rows",
    "record_id",
    "sample",
    "with_marks",
]
