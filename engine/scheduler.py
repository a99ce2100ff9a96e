"""What runs in the next step.

One rule: every sequence has computed some of its tokens and has more to compute, or waits for what a step
gives it. A step spends its token budget on running sequences first, then admits waiting ones; chunked
prefill, prefix hits and preemption follow from it. A sequence is admitted with the blocks for all of its
known tokens, so that only one that gets more, in generation or in search of the best choice, can run out of
blocks, and then the last in rank gives its own back. A step that was scheduled ends with `complete` when it
is launched, or with `abandon` if that failed: steps run in the order in which they are launched, so that
its KV, and the blocks of whoever ends while it runs, are as good as there for the next one.
"""

from bisect import insort
from collections.abc import Sequence as Seq

from engine.block_copies import BlockCopies, CopySource
from engine.blocks import BlockPool
from engine.budget import TokenBudget
from engine.prefix_index import BlockContent
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence, Status
from engine.waiting import WaitingQueue


class Scheduler:
    """Waiting and running sequences, and the blocks of those that run."""

    out_of_memory_remedy = "give the engine a smaller kv_cache_bytes"

    def __init__(self, pool: BlockPool, block_tokens: int, max_batch_tokens: int, max_sequences: int) -> None:
        self.pool = pool
        self.block_tokens = block_tokens
        self.budget = TokenBudget(max_batch_tokens, block_tokens)
        self.max_sequences = max_sequences
        self.num_preemptions = 0  # since the start, as the next
        self.num_prefix_hit_tokens = 0
        self.running: list[Sequence] = []  # by rank
        self._waiting = WaitingQueue()
        self._copies = BlockCopies(pool, block_tokens)
        self._admitted: list[Sequence] = []  # in the step that has not ended
        self._num_arrived = 0

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self.running or self._waiting)

    @property
    def num_waiting(self) -> int:
        """Sequences that wait for their turn."""
        return len(self._waiting)

    @property
    def num_wasted_tokens(self) -> int:
        """Room for tokens in the running sequences' blocks that holds none now; from any thread."""
        return sum(
            max(len(sequence.block_table) * self.block_tokens - sequence.num_computed_tokens, 0)
            for sequence in list(self.running)
        )

    def prepare(self, sequence: Sequence) -> None:
        """Do ahead, in any thread, what a new sequence's first step would have to do."""
        sequence.block_contents(self._num_full_prompt_blocks(sequence), self.block_tokens)

    def _num_full_prompt_blocks(self, sequence: Sequence) -> int:
        return min(sequence.num_prompt_tokens, sequence.num_cacheable_tokens) // self.block_tokens

    def add(self, sequence: Sequence) -> None:
        """Let a new sequence wait for its turn."""
        self._num_arrived += 1
        sequence.arrival = self._num_arrived
        self._waiting.push(sequence)

    def schedule(self) -> list[Chunk]:
        """The chunks of the next step, by rank; empty only when nothing waits or runs, or all that runs
        can go on only with the results of a step.
        """
        assert not self._admitted, "the step before was neither completed nor abandoned"
        preemptions_before = self.num_preemptions
        chunks = self._continue_running()
        # What has just been preempted must not take the blocks back in the same step.
        if self.num_preemptions == preemptions_before:
            chunks += self._admit(self.budget.tokens - sum(chunk.num_tokens for chunk in chunks))
        assert chunks or self._all_wait_for_results, "there is work and none of it can run"
        return chunks

    @property
    def _all_wait_for_results(self) -> bool:
        idle = all(sequence.num_uncomputed_tokens == 0 for sequence in self.running)
        return idle and (bool(self.running) or not self._waiting)

    def _continue_running(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        budget = self.budget.tokens
        place = 0
        while place < len(self.running) and budget > 0:
            sequence = self.running[place]
            if (end := sequence.num_computable_tokens) > sequence.num_computed_tokens:
                if not self._grow(sequence, end):
                    break
                chunks.append(self._chunk(sequence, end, budget))
                budget -= chunks[-1].num_tokens
            place += 1
        return chunks

    def _grow(self, sequence: Sequence, num_tokens: int) -> bool:
        """Give it blocks for so many tokens, from the last in rank if need be; False if that is itself."""
        count = self._num_blocks(num_tokens) - len(sequence.block_table)
        while (blocks := self.pool.try_allocate(count)) is None:
            victim = self.running.pop()
            self._let_wait(victim)
            self.num_preemptions += 1
            if victim is sequence:
                return False
        sequence.block_table += blocks
        return True

    def _let_wait(self, sequence: Sequence) -> None:
        self.pool.release(sequence.preempt())
        self._waiting.push(sequence)

    def _num_blocks(self, num_tokens: int) -> int:
        return -(-num_tokens // self.block_tokens)

    def _chunk(self, sequence: Sequence, end: int, budget: int) -> Chunk:
        start = sequence.num_computed_tokens
        chunk = Chunk(sequence, start, min(end, start + budget), is_last=end <= start + budget)
        self._publish(chunk)
        return chunk

    def _publish(self, chunk: Chunk) -> None:
        # Before the step has run: in each layer a step writes all its KV before it attends, so that a
        # sequence admitted in this very step can share it.
        sequence = chunk.sequence
        end = min(chunk.end, sequence.num_cacheable_tokens)
        if end // self.block_tokens > sequence.num_published_blocks:
            self._publish_full(sequence, end // self.block_tokens)
        # What is generated is published when it fills a block: nobody asks for a text that is still growing.
        if chunk.start < sequence.num_prompt_tokens and end % self.block_tokens:
            block = sequence.block_table[end // self.block_tokens]
            self.pool.publish(block, sequence.tail_content(end, self.block_tokens))

    def _publish_full(self, sequence: Sequence, count: int) -> None:
        contents = sequence.block_contents(count, self.block_tokens)
        for index in range(sequence.num_published_blocks, count):
            self.pool.publish(sequence.block_table[index], contents[index])
        sequence.num_published_blocks = count

    def _admit(self, budget: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        while budget > 0 and len(self.running) < self.max_sequences:
            if (sequence := self._waiting.first()) is None or not self._try_admit(sequence):
                break
            self._waiting.pop()
            self._admitted.append(sequence)
            insort(self.running, sequence, key=lambda running: running.rank)
            chunks.append(self._chunk(sequence, len(sequence.token_ids), budget))
            budget -= chunks[-1].num_tokens
        return chunks

    def _try_admit(self, sequence: Sequence) -> bool:
        matched = self.pool.match(self._matchable(sequence))
        source = self._copy_source(sequence, len(matched))
        count = self._num_blocks(len(sequence.token_ids)) - len(matched)
        if (blocks := self._try_allocate(count)) is None and source is not None:
            # The source may be the very block that is missing.
            self._copies.drop(source)
            source, blocks = None, self._try_allocate(count)
        if blocks is None:
            self.pool.release(matched)
            return False
        self._start(sequence, matched, blocks, source)
        return True

    def _try_allocate(self, count: int) -> list[int] | None:
        # A spare block for each that runs, or the newcomer would soon be preempted again.
        return self.pool.try_allocate(count) if count + len(self.running) <= self.pool.num_available else None

    def _start(
        self, sequence: Sequence, matched: list[int], blocks: list[int], source: CopySource | None
    ) -> None:
        if source is not None:
            self._copies.add(source, blocks[0])
        slots = source.slots if source else ()
        sequence.admit(matched + blocks, len(matched) * self.block_tokens, slots)
        sequence.num_published_blocks = len(matched)

    def _matchable(self, sequence: Sequence) -> list[BlockContent]:
        return sequence.block_contents(self._num_matchable(sequence) // self.block_tokens, self.block_tokens)

    def _num_matchable(self, sequence: Sequence) -> int:
        # The last token is always computed: its logits are what the sequence is after.
        return max(sequence.num_cacheable_tokens - 1, 0)

    def _copy_source(self, sequence: Sequence, num_matched: int) -> CopySource | None:
        """Where the beginning of the first block without a match can be copied from."""
        start = num_matched * self.block_tokens
        end = min(start + self.block_tokens, self._num_matchable(sequence))
        if start >= end:
            return None
        before = sequence.digest_before(num_matched, self.block_tokens)
        return self._copies.find(before, sequence.token_ids[start:end])

    def complete(self, chunks: Seq[Chunk]) -> None:
        """Note that a step computes these chunks, before whatever is launched after it."""
        self.num_prefix_hit_tokens += sum(sequence.num_computed_tokens for sequence in self._admitted)
        for chunk in chunks:
            chunk.sequence.note_computed(chunk)
        self._end_step()

    def abandon(self, chunks: Seq[Chunk]) -> None:
        """Note that a step computed nothing: what it admitted waits again, the others are where they were.

        Those admitted may hold blocks that other sequences were to fill in this step. Those that ran before
        hold only what earlier steps computed.
        """
        for chunk in chunks:
            self._unpublish(chunk)
        for sequence in self._admitted:
            if sequence.status is Status.RUNNING:
                self.running.remove(sequence)
                self._let_wait(sequence)
        self._end_step()

    def _unpublish(self, chunk: Chunk) -> None:
        sequence, first = chunk.sequence, chunk.start // self.block_tokens
        for block in sequence.block_table[first : -(-chunk.end // self.block_tokens)]:
            self.pool.forget(block)
        sequence.num_published_blocks = min(sequence.num_published_blocks, first)

    def _end_step(self) -> None:
        self._copies.end_step()
        self._admitted = []

    def finish(self, sequence: Sequence, reason: FinishReason | None) -> None:
        """End a waiting or running sequence; its blocks are free or cached from now on."""
        was_waiting = sequence.status is Status.WAITING
        if reason is not None:
            self._publish_rest(sequence)
        self.pool.release(sequence.finish(reason))
        if was_waiting:
            self._waiting.note_ended()
        else:
            self.running.remove(sequence)

    def reset_cache(self) -> None:
        """Offer nothing any more of what has been computed; those that run keep their own."""
        self.pool.reset_cache()

    def _publish_rest(self, sequence: Sequence) -> None:
        """Blocks that a step has filled with tokens which the host did not know when it was scheduled."""
        end = min(sequence.num_computed_tokens, sequence.num_cacheable_tokens)
        if (count := end // self.block_tokens) > sequence.num_published_blocks:
            self._publish_full(sequence, count)

    def check_idle(self) -> None:
        """Prove, at no cost, that nothing holds a block while nothing runs."""
        assert self.pool.num_available == self.pool.num_blocks, "nothing runs and a block is held"

    def check_integrity(self) -> None:
        """Prove that no block has leaked; an AssertionError says otherwise."""
        tables = [sequence.block_table for sequence in self.running]
        self.pool.check_integrity([*tables, self._copies.held_blocks])
        assert all(sequence.status is Status.RUNNING for sequence in self.running)
        self._waiting.check_integrity()
