"""How many tokens a step may compute: fewer when memory ran out, more again when it has held for long."""

# A step takes 20 ms to a second: rare enough that a growth which fails again costs nothing, and often enough
# that a shortage which another process has made and ended is forgotten within the hour.
GOOD_STEPS_TO_GROW = 1000


class TokenBudget:
    """Tokens a step, at most `most`; halved down to `block_tokens`, below which a step saves no more memory.

    As a last try a step is one token, so that only a sequence that does not fit alone is to blame.
    """

    def __init__(self, most: int, block_tokens: int) -> None:
        self.tokens = most
        self._most = most
        self._least = min(most, block_tokens)
        self._good_steps = 0

    def shrink(self) -> bool:
        """After a step that ran out of memory; False if there is no smaller one."""
        self._good_steps = 0
        if self.tokens == 1:
            return False
        self.tokens = max(self.tokens // 2, self._least) if self.tokens > self._least else 1
        return True

    def note_good_step(self) -> None:
        """After a step that fitted."""
        self._good_steps += 1
        if self._good_steps >= GOOD_STEPS_TO_GROW:
            self._grow()

    def note_culprit_gone(self) -> None:
        """After the sequence that did not fit alone has ended: the others need not go token by token."""
        self._grow()

    def _grow(self) -> None:
        self._good_steps = 0
        self.tokens = min(max(2 * self.tokens, self._least), self._most)
