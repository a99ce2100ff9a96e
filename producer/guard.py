"""`python -m producer.guard COMMAND...`: run a command, and end it when our standard input closes.

`bydawn run` holds the other end of that pipe, so that whatever ends it, `kill -9` included, ends its
children too. (A pipe works on every Unix; a parent-death signal is Linux only and is tied to a thread.)
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def main(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def forward(_number: int, _frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, forward)
    threading.Thread(target=_kill_at_end_of_input, args=(child,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code  # as shells tell a signal


def _kill_at_end_of_input(child: "subprocess.Popen[bytes]") -> None:
    # The bare descriptor: a thread that waits inside Python's buffered reader aborts the interpreter's end.
    while os.read(0, 1024):
        pass
    child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
