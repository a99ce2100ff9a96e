"""What runs in the next step.

One rule: every sequence has computed some of its tokens and has more to compute. A step spends its token
budget on running sequences first, then admits waiting ones; chunked prefill, prefix hits and preemption
follow from it. A sequence is admitted with the blocks for all of its known tokens, so that only one that
gets more, in generation or in search of the best choice, can run out of blocks, and then the last in rank
gives its own back.
"""

import heapq
from bisect import insort
from collections.abc import Sequence as Seq

from engine.blocks import BlockContent, BlockPool
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence, Status


class Scheduler:
    """Waiting and running sequences, and the blocks of those that run."""

    def __init__(self, pool: BlockPool, block_tokens: int, max_batch_tokens: int, max_sequences: int) -> None:
        self.pool = pool
        self.block_tokens = block_tokens
        self.max_batch_tokens = max_batch_tokens
        self.max_sequences = max_sequences
        self.num_preemptions = 0  # since the start, as the next
        self.num_prefix_hit_tokens = 0
        self.running: list[Sequence] = []  # by rank
        self.num_waiting = 0
        self._queue: list[tuple[tuple[int, int], Sequence]] = []  # a heap; those that ended stay until popped
        self._num_arrived = 0

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self.running or self.num_waiting)

    def add(self, sequence: Sequence) -> None:
        """Let a new sequence wait for its turn."""
        self._num_arrived += 1
        sequence.arrival = self._num_arrived
        self._wait(sequence)

    def _wait(self, sequence: Sequence) -> None:
        assert sequence.status is Status.WAITING
        heapq.heappush(self._queue, (sequence.rank, sequence))
        self.num_waiting += 1

    def schedule(self) -> list[Chunk]:
        """The chunks of the next step, by rank; empty only when nothing waits or runs."""
        preemptions_before = self.num_preemptions
        chunks = self._continue_running()
        # What has just been preempted must not take the blocks back in the same step.
        if self.num_preemptions == preemptions_before:
            chunks += self._admit(self.max_batch_tokens - sum(chunk.num_tokens for chunk in chunks))
        assert chunks or not self.has_work, "there is work and none of it can run"
        return chunks

    def _continue_running(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        budget = self.max_batch_tokens
        while len(chunks) < len(self.running) and budget > 0:
            sequence = self.running[len(chunks)]
            if not self._grow(sequence):
                break
            chunks.append(self._chunk(sequence, budget))
            budget -= chunks[-1].num_tokens
        return chunks

    def _grow(self, sequence: Sequence) -> bool:
        """Give it blocks for all of its tokens, from the last in rank if need be; False if that is itself."""
        count = self._num_blocks(sequence) - len(sequence.block_table)
        while (blocks := self.pool.try_allocate(count)) is None:
            victim = self.running.pop()
            self.pool.release(victim.preempt())
            self.num_preemptions += 1
            self._wait(victim)
            if victim is sequence:
                return False
        sequence.block_table += blocks
        return True

    def _num_blocks(self, sequence: Sequence) -> int:
        return -(-len(sequence.token_ids) // self.block_tokens)

    def _chunk(self, sequence: Sequence, budget: int) -> Chunk:
        start = sequence.num_computed_tokens
        chunk = Chunk(sequence, start, start + min(sequence.num_uncomputed_tokens, budget))
        self._publish(chunk)
        return chunk

    def _publish(self, chunk: Chunk) -> None:
        # Before the step has run: in each layer a step writes all its KV before it attends, so that a
        # sequence admitted in this very step can share it.
        sequence = chunk.sequence
        count = min(chunk.end, sequence.num_cacheable_tokens) // self.block_tokens
        contents = sequence.block_contents(count, self.block_tokens)
        for index in range(sequence.num_published_blocks, count):
            self.pool.publish(sequence.block_table[index], contents[index])
        sequence.num_published_blocks = count

    def _admit(self, budget: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        while budget > 0 and len(self.running) < self.max_sequences:
            if (sequence := self._next_waiting()) is None or not self._try_admit(sequence):
                break
            heapq.heappop(self._queue)
            self.num_waiting -= 1
            insort(self.running, sequence, key=lambda running: running.rank)
            chunks.append(self._chunk(sequence, budget))
            budget -= chunks[-1].num_tokens
        return chunks

    def _next_waiting(self) -> Sequence | None:
        while self._queue and self._queue[0][1].status is not Status.WAITING:
            heapq.heappop(self._queue)
        return self._queue[0][1] if self._queue else None

    def _try_admit(self, sequence: Sequence) -> bool:
        matched = self.pool.match(self._matchable(sequence))
        count = self._num_blocks(sequence) - len(matched)
        # A spare block for each that runs, or the newcomer would soon be preempted again.
        blocks = (
            self.pool.try_allocate(count) if count + len(self.running) <= self.pool.num_available else None
        )
        if blocks is None:
            self.pool.release(matched)
            return False
        num_matched_tokens = len(matched) * self.block_tokens
        self.num_prefix_hit_tokens += num_matched_tokens
        sequence.admit(matched + blocks, num_matched_tokens)
        sequence.num_published_blocks = len(matched)
        return True

    def _matchable(self, sequence: Sequence) -> list[BlockContent]:
        # The last token is always computed: its logits are what the sequence is after.
        count = max(sequence.num_cacheable_tokens - 1, 0) // self.block_tokens
        return sequence.block_contents(count, self.block_tokens)

    def complete(self, chunks: Seq[Chunk]) -> None:
        """Note that a step has computed these chunks."""
        for chunk in chunks:
            chunk.sequence.num_computed_tokens = chunk.end

    def finish(self, sequence: Sequence, reason: FinishReason | None) -> None:
        """End a waiting or running sequence; its blocks are free or cached from now on."""
        if sequence.status is Status.WAITING:
            self.num_waiting -= 1
        else:
            self.running.remove(sequence)
        self.pool.release(sequence.finish(reason))

    def check_idle(self) -> None:
        """Prove, at no cost, that nothing holds a block while nothing runs."""
        assert self.pool.num_available == self.pool.num_blocks, "nothing runs and a block is held"

    def check_integrity(self) -> None:
        """Prove that no block has leaked; an AssertionError says otherwise."""
        self.pool.check_integrity(sequence.block_table for sequence in self.running)
        assert all(sequence.status is Status.RUNNING for sequence in self.running)
        assert self.num_waiting == sum(s.status is Status.WAITING for _, s in self._queue)
