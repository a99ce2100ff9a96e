"""`python -m ops.benchmark.gpu`, as ops/bench calls it in the repository root."""

import sys

from ops.benchmark.gpu.command import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell has it
