"""Every change to the files of one folder, in the kernel's own account (inotify(7)): none is missed."""

import ctypes
import errno
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# From sys/inotify.h.
_CHANGES = {
    0x0002: "modified",
    0x0040: "moved out",
    0x0080: "moved in",
    0x0100: "appeared",
    0x0200: "removed",
}
_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ_BYTES = 1 << 20


class PartWatch:
    """Of a folder in which files appear whole, by a link, and stay as they are."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changes: dict[str, list[str]] = defaultdict(list)

    @property
    def changes(self) -> dict[str, list[str]]:
        """What happened to each file since the watch began, in order."""
        for name, mask in self._events():
            assert not mask & _OVERFLOW, "more happened than the kernel keeps: read more often"
            self._changes[name] += [what for bit, what in _CHANGES.items() if mask & bit]
        return dict(self._changes)

    def assert_written_once(self, num_parts: int) -> None:
        changes = self.changes
        assert len(changes) == num_parts
        touched = {name: what for name, what in changes.items() if what != ["appeared"]}
        assert not touched, "a part appears once, whole, and is never touched again"

    def _events(self) -> Iterator[tuple[str, int]]:
        while True:
            try:
                buffer = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            place = 0
            while place < len(buffer):
                _, mask, _, name_bytes = _EVENT.unpack_from(buffer, place)
                place += _EVENT.size + name_bytes
                yield buffer[place - name_bytes : place].rstrip(b"\0").decode(), mask


@contextmanager
def part_watch(folder: Path) -> Iterator[PartWatch]:
    """Watch a folder that isn't there yet, so that nothing can have happened in it before."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = _checked(libc.inotify_init1(os.O_NONBLOCK))
    try:
        _checked(libc.inotify_add_watch(descriptor, os.fsencode(folder), sum(_CHANGES)))
        yield PartWatch(descriptor)
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"inotify: {os.strerror(code)} ({errno.errorcode.get(code)})")
    return result
