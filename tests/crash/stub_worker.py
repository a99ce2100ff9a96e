"""`python -m tests.crash.stub_worker LOG ANSWER_S`: a real worker in all but its engine, which is a stub."""

import sys
from functools import partial

from tests.crash import stub_engine
from worker.__main__ import main

if __name__ == "__main__":
    log, answer_s = sys.argv[1:]
    sys.exit(main(partial(stub_engine.main, log=log, answer_s=float(answer_s))))
