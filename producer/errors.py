"""What the user can mend."""


class UserError(Exception):
    """Bad usage, bad input or a missing service: the message names what was given and the remedy."""


class ServiceDiedError(UserError):
    """Something that `bydawn run` started ended without a reason of its own: its log is worth keeping."""


class JobFailedError(Exception):
    """The job ended, and not every row is ok (or not enough of them)."""
