"""A request inside the engine: its tokens, how many are computed, and the blocks that hold their KV."""

from collections import abc
from dataclasses import dataclass, field
from enum import Enum, auto

from engine.prefix_index import BlockContent, digest_of
from engine.request import FinishReason, Usage
from engine.work import EdgeLogprobs, Encoding, Generation, Pooling, Sampled, Scoring, Work


class Status(Enum):
    """Where a sequence is; the methods of `Sequence` are the only way from one to the next."""

    WAITING = auto()  # holds no blocks
    RUNNING = auto()
    FINISHED = auto()  # holds no blocks, and never will


@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens known so far, the first `num_computed_tokens` of which have their KV in `block_table`.

    `token_ids` starts with the prompt; then come the tokens generated so far, or the nodes of the choice
    trie chosen so far, which follow each other in the blocks but not in the text.

    `num_pending_tokens` more will come of steps that have been launched and not been taken in. The device has
    their ids already, so that it can compute them, unless what follows them needs the host.

    In the first step after its admission, the KV of its last computed tokens may still have to be copied:
    into the block where the step goes on, from the slots `copied_from`.
    """

    token_ids: list[int]
    work: Work
    priority: int = 0
    arrival: int = 0
    num_prompt_tokens: int = 0
    num_cached_tokens: int | None = None
    num_computed_tokens: int = 0
    num_pending_tokens: int = 0
    num_published_blocks: int = 0
    block_table: list[int] = field(default_factory=list)
    copied_from: tuple[int, ...] = ()
    status: Status = Status.WAITING
    finish_reason: FinishReason | None = None
    _contents: list[BlockContent] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.token_ids, "a sequence needs a prompt"
        self.num_prompt_tokens = len(self.token_ids)
        if isinstance(self.work, Scoring):
            self._append_nodes(self.work)

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller goes first."""
        return self.priority, self.arrival

    @property
    def num_computable_tokens(self) -> int:
        """The tokens known so far, and those pending that can be computed and are not the last ones."""
        known = len(self.token_ids)
        if self.num_pending_tokens and self._computes_pending(self.work):
            return known + self.num_pending_tokens
        return known

    def _computes_pending(self, work: Work) -> bool:
        if not isinstance(work, Generation) or work.waits_for_host:
            return False
        num_outputs = len(self.token_ids) + self.num_pending_tokens - self.num_prompt_tokens
        return num_outputs < work.sampling.max_tokens

    @property
    def num_uncomputed_tokens(self) -> int:
        """What is left to compute now; 0 if it can only go on with the result of a step."""
        return self.num_computable_tokens - self.num_computed_tokens

    @property
    def waits_for_host(self) -> bool:
        """Whether what it computes next depends on what the host makes of the tokens before."""
        match self.work:
            case Generation() as work:
                return work.waits_for_host
            case Scoring(search=search):
                return search is not None
            case Pooling() | Encoding():
                return False

    @property
    def output_token_ids(self) -> list[int]:
        """Generated tokens."""
        return self.token_ids[self.num_prompt_tokens :] if isinstance(self.work, Generation) else []

    @property
    def usage(self) -> Usage:
        """Tokens in, tokens from the prefix cache, tokens out."""
        return Usage(self.num_prompt_tokens, self.num_cached_tokens or 0, len(self.output_token_ids))

    @property
    def num_cacheable_tokens(self) -> int:
        """The tokens whose KV can serve another sequence.

        Not a trie's, which are no text, and not a pooled prompt's, which may skip the upper layers.
        """
        match self.work:
            case Generation():
                return len(self.token_ids)
            case Scoring():
                return self.num_prompt_tokens
            case Pooling() | Encoding():
                return 0

    def positions(self, start: int, end: int) -> list[int]:
        """Text positions of the tokens from `start` to before `end`."""
        if not isinstance(self.work, Scoring):
            return list(range(start, end))
        prompt = self.num_prompt_tokens
        nodes = self.work.nodes[max(start - prompt, 0) : max(end - prompt, 0)]
        depths = self.work.trie.depths
        return [*range(start, min(end, prompt)), *(prompt - 1 + depths[node - 1] for node in nodes)]

    def block_contents(self, count: int, block_tokens: int) -> list[BlockContent]:
        """The contents of the first `count` blocks, all of them full."""
        assert count * block_tokens <= self.num_cacheable_tokens
        while len(self._contents) < count:
            start = len(self._contents) * block_tokens
            previous = self._contents[-1] if self._contents else None
            self._contents.append(BlockContent.after(previous, self.token_ids[start : start + block_tokens]))
        return self._contents[:count]

    def tail_content(self, end: int, block_tokens: int) -> BlockContent:
        """The content, up to the token before `end`, of the block that these tokens do not fill."""
        count = end // block_tokens
        contents = self.block_contents(count, block_tokens)
        return BlockContent.after(
            contents[-1] if contents else None, self.token_ids[count * block_tokens : end]
        )

    def digest_before(self, block_index: int, block_tokens: int) -> bytes:
        """What stands for all tokens before a block."""
        contents = self.block_contents(block_index, block_tokens)
        return digest_of(contents[-1] if contents else None)

    def admit(
        self, block_table: list[int], num_matched_tokens: int, copied_from: tuple[int, ...] = ()
    ) -> None:
        """Start running, with the KV of the first tokens in the blocks, or copied there before it is read."""
        assert self.status is Status.WAITING
        assert self.num_pending_tokens == 0, "a token is pending that no step has just sampled"
        self.status = Status.RUNNING
        self.block_table = block_table
        self.num_computed_tokens = num_matched_tokens + len(copied_from)
        self.copied_from = copied_from

    def note_computed(self, chunk: "Chunk") -> None:
        """A step that has been launched computes this; whatever is launched after it finds it done."""
        if self.num_cached_tokens is None:
            self.num_cached_tokens = self.num_computed_tokens
        self.num_computed_tokens = chunk.end
        self.num_pending_tokens += chunk.gives_token
        self.copied_from = ()

    def preempt(self) -> list[int]:
        """Stop running, keep the tokens and give back the blocks, to be computed again later."""
        assert self.status is Status.RUNNING
        self.status = Status.WAITING
        self.num_computed_tokens = 0
        return self._leave_blocks()

    def finish(self, reason: FinishReason | None) -> list[int]:
        """End, with no reason if the engine failed, and give back the blocks."""
        assert self.status is not Status.FINISHED
        self.status = Status.FINISHED
        self.finish_reason = reason
        return self._leave_blocks()

    def _leave_blocks(self) -> list[int]:
        blocks, self.block_table = self.block_table, []
        self.num_published_blocks = 0
        self.copied_from = ()
        return blocks

    def take_scores(self, scored: EdgeLogprobs, is_last: bool) -> FinishReason | None:
        """Take in a chunk's log-probabilities; the reason if the last known token leaves nothing to ask."""
        assert isinstance(self.work, Scoring)
        self.work.add(scored.by_edge)
        return FinishReason.STOP if is_last and not self._append_nodes(self.work) else None

    def _append_nodes(self, work: Scoring) -> bool:
        """Have what the scoring wants computed next; False if that is nothing."""
        nodes = work.wanted_nodes()
        self.token_ids += [work.trie.token_ids[node - 1] for node in nodes]
        work.append(nodes)
        return bool(nodes)

    def append(self, sampled: Sampled) -> FinishReason | None:
        """Take a generated token; the reason if that was the last one."""
        assert isinstance(self.work, Generation)
        assert self.num_pending_tokens > 0, "no step has been launched for this token"
        self.num_pending_tokens -= 1
        self.token_ids.append(sampled.token_id)
        if sampled.logprob is not None:
            self.work.logprobs.append(sampled.logprob)
            self.work.top_logprobs.append(sampled.top_logprobs)
        return self._reason_to_stop(self.work, sampled.token_id)

    def _reason_to_stop(self, work: Generation, token_id: int) -> FinishReason | None:
        if token_id in work.stop_token_ids:
            reason = FinishReason.STOP
        elif work.stream is not None and work.stream.append(token_id):
            return FinishReason.STOP
        elif work.matcher is not None and work.matcher.consume(token_id):
            reason = FinishReason.STOP
        elif len(self.token_ids) - self.num_prompt_tokens >= work.sampling.max_tokens:
            reason = FinishReason.LENGTH
        else:
            return None
        # The text held back as an incomplete character may be the end of a stop string.
        return FinishReason.STOP if work.stream is not None and work.stream.finish() else reason


@dataclass(frozen=True, slots=True)
class Chunk:
    """The tokens from `start` to before `end` of a sequence, computed in one step.

    `is_last`: when the step was scheduled, nothing was left to compute after it.
    """

    sequence: Sequence
    start: int
    end: int
    is_last: bool

    @property
    def num_tokens(self) -> int:
        """How much of the step's budget it takes."""
        return self.end - self.start

    @property
    def token_ids(self) -> abc.Sequence[int]:
        """Those known of the tokens to compute; a pending one, of which at most one is the chunk, is not."""
        return self.sequence.token_ids[self.start : self.end]

    @property
    def first_read_token(self) -> int:
        """From which of its tokens on the model's last hidden states are read; `end` if none are."""
        match self.sequence.work:
            case Generation():
                return self.end - 1 if self.is_last else self.end
            case Scoring():
                return min(max(self.start, self.sequence.num_prompt_tokens - 1), self.end)
            case Pooling(layer=layer):
                return self.start if layer is None else self.end
            case Encoding():
                return self.start

    @property
    def copied_from(self) -> tuple[int, ...]:
        """The slots from which the KV of the tokens just before `start` is copied in this step."""
        return self.sequence.copied_from if self.start == self.sequence.num_computed_tokens else ()

    @property
    def is_causal(self) -> bool:
        """Whether each of its tokens attends to all before it; a choice trie's branches do not."""
        work, prompt = self.sequence.work, self.sequence.num_prompt_tokens
        return not isinstance(work, Scoring) or self.end <= prompt + work.num_nodes_in_line

    @property
    def gives_token(self) -> bool:
        """Whether the sequence's next token comes of it."""
        return self.is_last and isinstance(self.sequence.work, Generation)
