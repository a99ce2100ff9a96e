"""What is asked of `bash ops/bench gpu`: its arguments, and which of them cannot be."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ops.benchmark.gpu.shapes import REAL
from ops.benchmark.gpu.systems import NAMES
from ops.benchmark.gpu.works import LABEL_ONLY, Unit, Work, works

DESCRIPTION = """Measure the engine, its peers and the card's own limits on a GPU.

Needs Python, torch and transformers, and nothing else that is not in the repository; the models are made
here, with random weights. ops/BENCHMARKS.md says what each figure means.
"""
ALL, CEILINGS = "all", "ceilings"
COMMANDS = {
    ALL: "all of the others, each in a process of its own",
    CEILINGS: "what the card can do: bytes a second of its memory, operations a second",
    "a": "nano-vllm's benchmark: 256 requests, 100 to 1,024 tokens in and out",
    "b": "classify: 5,000 rows after a shared prompt, the scores of 20 labels",
    "c": "summarise: 256 documents of 3,000 tokens, 150 out",
    "decode": "decode steps of the 8B with 64 sequences",
    "prefill": "prompts through the 0.6B and through the 8B",
}
ROUNDS, TINY_ROUNDS = 3, 1
SECONDS_PER_TURN, MINUTES = 45.0, 8.0
DEVICE = re.compile(r"cpu|cuda(:\d+)?")


class Refused(Exception):
    """What was asked for cannot be; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments; None where the work decides."""

    command: str
    device: str
    tiny: bool
    rounds: int
    model: str | None
    systems: tuple[str, ...] | None
    seconds_per_turn: float
    minutes: float
    ceilings: Path | None
    json: Path | None
    markdown: Path | None

    @property
    def work(self) -> Work:
        """The work that the command names."""
        return works(self.tiny)[self.command]

    def models(self, work: Work) -> tuple[str, ...]:
        """Those to measure the work with."""
        return work.models if self.model is None else (self.model,)

    def systems_of(self, work: Work) -> tuple[str, ...]:
        """Those to measure, of those that can do the work."""
        if self.systems is None:
            return work.systems
        return tuple(name for name in self.systems if name != LABEL_ONLY or work.unit is Unit.ROWS)

    def line(self) -> str:
        """The command without files and paths: they are this machine's, and a report is for others."""
        words = [f"bash ops/bench gpu {self.command}", *self.options()]
        return " ".join(words)

    def options(self) -> list[str]:
        """What another process has to be given to measure the same."""
        words = ["--device", self.device, "--rounds", str(self.rounds)]
        words += ["--seconds-per-turn", f"{self.seconds_per_turn:g}", "--minutes", f"{self.minutes:g}"]
        words += ["--tiny"] if self.tiny else []
        words += ["--model", self.model] if self.model is not None else []
        words += ["--systems", ",".join(self.systems)] if self.systems is not None else []
        return words


def asked(arguments: Sequence[str] | None) -> Asked:
    """From a command line; raises Refused, and ends the process as argparse does for what it refuses."""
    given = _parser().parse_args(arguments)
    rounds = given.rounds or (TINY_ROUNDS if given.tiny else ROUNDS)
    systems = None if given.systems is None else tuple(given.systems.split(","))
    wanted = Asked(**vars(given) | {"rounds": rounds, "systems": systems})
    _check_names(wanted)
    _check_files(wanted)
    _check_device(wanted.device)
    return wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bash ops/bench gpu",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="WORK")
    options = _options()
    for name, words in COMMANDS.items():
        commands.add_parser(name, help=words, description=words, parents=[options], allow_abbrev=False)
    return parser


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    add = options.add_argument
    add("--device", default="cuda", help="cpu, cuda (the default) or cuda:N")
    add("--tiny", action="store_true", help="tiny models and works, to see that all of it runs")
    add("--rounds", type=_count, help=f"rounds of each work ({ROUNDS}; with --tiny {TINY_ROUNDS})")
    add("--model", help=f"{' or '.join(REAL)}; each work has its own")
    add("--systems", help=f"some of {','.join(NAMES)}; each work has its own")
    add(
        "--seconds-per-turn",
        type=_above_zero,
        default=SECONDS_PER_TURN,
        metavar="S",
        help=f"a peer that would take longer gets the first requests only; the table says so "
        f"({SECONDS_PER_TURN:g})",
    )
    add(
        "--minutes",
        type=_above_zero,
        default=MINUTES,
        metavar="M",
        help=f"a work ends by then, with the rounds that it has ({MINUTES:g})",
    )
    add(
        "--ceilings",
        type=Path,
        metavar="FILE",
        help="an earlier run's JSON, to take the card's limits from",
    )
    add("--json", type=Path, metavar="FILE", help="write everything measured to this file")
    add("--markdown", type=Path, metavar="FILE", help="write the tables to this file")
    return options


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r}: use a whole number of 1 to 100")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: use a number above 0")
    return number


def _check_names(wanted: Asked) -> None:
    if wanted.model is not None and wanted.model not in REAL:
        raise Refused(f"--model {wanted.model}: use {' or '.join(REAL)}")
    unknown = [name for name in wanted.systems or () if name not in NAMES]
    if unknown:
        raise Refused(f"--systems {','.join(unknown)}: use some of {','.join(NAMES)}")
    if wanted.systems and wanted.command not in (ALL, CEILINGS) and not wanted.systems_of(wanted.work):
        raise Refused(f"--systems {','.join(wanted.systems)}: it only labels; use it with work b")


def _check_files(wanted: Asked) -> None:
    """A report that can't be written is told before the measurement, not after it."""
    for option, file in (("--json", wanted.json), ("--markdown", wanted.markdown)):
        if file is not None and not file.parent.is_dir():
            raise Refused(f"{option} {file}: the folder {file.parent} is not there; make it first")
        if file is not None and file.is_dir():
            raise Refused(f"{option} {file} is a folder; name a file in it")
    if wanted.ceilings is not None and not wanted.ceilings.is_file():
        raise Refused(f"--ceilings {wanted.ceilings}: no such file; `ceilings --json FILE` writes one")


def _check_device(device: str) -> None:
    if not DEVICE.fullmatch(device):
        raise Refused(f"--device {device}: use cpu, cuda or cuda:N")
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise Refused(f"this Python has no {' and no '.join(missing)}: name one that has with PYTHON=...")
    if device != "cpu" and (problem := _cuda_problem(device)):
        raise Refused(f"--device {device}: {problem}; --device cpu --tiny shows the bench without a GPU")


def _cuda_problem(device: str) -> str | None:
    import torch  # seconds, which only a GPU is worth

    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    if not torch.cuda.is_available():
        return "torch sees no CUDA device: is there one, and does `nvidia-smi` show it"
    number, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    return None if number < count else f"there are {count}, cuda:0 to cuda:{count - 1}"
