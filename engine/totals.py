"""What an engine's steps add up to."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

from engine.sequence import Chunk


@dataclass(slots=True)
class Totals:
    """Counts since the start, of steps that succeeded, and the last of these."""

    steps: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    batch_tokens: int = 0
    batch_sequences: int = 0
    last_batch_tokens: int = 0
    last_batch_sequences: int = 0
    scheduling_s: float = 0.0
    step_s: float = 0.0
    launching_s: float = 0.0
    waiting_s: float = 0.0
    taking_s: float = 0.0
    out_of_memory_retries: int = 0

    def note_step(self, chunks: Seq[Chunk], scheduling_s: float, step_s: float) -> None:
        """Count a step: how long the runner waited for its schedule, and the time that it took."""
        self.steps += 1
        self.last_batch_tokens = sum(chunk.num_tokens for chunk in chunks)
        self.last_batch_sequences = len(chunks)
        self.batch_tokens += self.last_batch_tokens
        self.batch_sequences += self.last_batch_sequences
        self.scheduling_s += scheduling_s
        self.step_s += step_s
