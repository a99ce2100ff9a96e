"""Controls: what people say of a job after its submission, and what holds for it now.

The objects under `control/` are the truth; the ledger has a copy of them, which running shards look at twice
a second. A wiped ledger has lost its copy, so nothing that can't be undone follows from the copy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from jobs import layout
from jobs.late import take_back_if_removed
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Priority
from jobs.outcome import Status
from jobs.shards import CorruptObjectError
from jobs.stores import ObjectStore
from jobs.validation import in_one_line


class Control(StrEnum):
    """The objects that there may be, by name."""

    CANCEL = "cancel"
    PAUSE = "pause"  # it is there while the job is paused
    DEADLINE = "deadline"
    PRIORITY = "priority"


class Order(BaseModel):
    model_config = ConfigDict(frozen=True)

    requested_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class CancelOrder(Order):
    """The job's end; `hopeless` if nobody asked for it, but none of its rows is ok."""

    hopeless: bool = False
    reason: str | None = None


class PauseOrder(Order):
    """No shard of the job is run for now."""


class DeadlineOrder(Order):
    """A deadline instead of the manifest's; None is none at all."""

    deadline: AwareDatetime | None


class PriorityOrder(Order):
    """A priority instead of the manifest's."""

    priority: Priority


_ORDERS: dict[Control, type[Order]] = {
    Control.CANCEL: CancelOrder,
    Control.PAUSE: PauseOrder,
    Control.DEADLINE: DeadlineOrder,
    Control.PRIORITY: PriorityOrder,
}
Bodies = Mapping[Control, str]
OrderT = TypeVar("OrderT", bound=Order)


@dataclass(frozen=True, slots=True)
class Halt:
    """A shard must not go on: its rows that aren't done end with `status`; None gives the shard back."""

    status: Status | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Controls:
    """What holds for a job, whatever its manifest said first."""

    priority: Priority
    deadline: datetime | None
    cancel: CancelOrder | None
    is_paused: bool

    def halt(self, now: datetime) -> Halt | None:
        """What shards of the job must do at `now`, None while they may run.

        A pause stops neither the clock nor an end, or the job would stay open for ever.
        """
        if self.cancel is not None:
            return Halt(Status.CANCELLED, self.cancel.reason)
        if self.deadline is not None and now >= self.deadline:
            return Halt(Status.EXPIRED)
        return Halt(None, "paused") if self.is_paused else None

    def holds_back(self, now: datetime) -> bool:
        """Whether shards that wait must go on waiting."""
        halt = self.halt(now)
        return halt is not None and halt.status is None


def merge(manifest: Manifest, bodies: Bodies) -> Controls:
    """What the manifest says, with what was said later above it.

    Raises:
        CorruptObjectError: a control can't be read.
    """
    deadline = _order(manifest.job_id, bodies, Control.DEADLINE, DeadlineOrder)
    priority = _order(manifest.job_id, bodies, Control.PRIORITY, PriorityOrder)
    return Controls(
        priority=manifest.priority if priority is None else priority.priority,
        deadline=manifest.deadline if deadline is None else deadline.deadline,
        cancel=_order(manifest.job_id, bodies, Control.CANCEL, CancelOrder),
        is_paused=Control.PAUSE in bodies,
    )


def _order(job_id: str, bodies: Bodies, control: Control, paper: type[OrderT]) -> OrderT | None:
    if (body := bodies.get(control)) is None:
        return None
    try:
        return paper.model_validate_json(body)
    except ValidationError as error:
        key = layout.control(job_id, control)
        raise CorruptObjectError(
            f"{key} can't be read: {in_one_line(error)}; give the order again"
        ) from error


def read_controls(store: ObjectStore, manifest: Manifest) -> Controls:
    """The truth."""
    return merge(manifest, _stored(store, manifest.job_id))


def copied_controls(ledger: Ledger, manifest: Manifest) -> Controls:
    """The ledger's copy: quick, and for a few seconds after a loss as if nobody had said anything."""
    return merge(manifest, _known(ledger.controls(manifest.job_id)))


def copy_controls(store: ObjectStore, ledger: Ledger, manifest: Manifest) -> Controls:
    """Make the ledger's copy what the store says, and return it."""
    bodies = _stored(store, manifest.job_id)
    ledger.copy_controls(manifest.job_id, {each.value: body for each, body in bodies.items()})
    return merge(manifest, bodies)


def give_order(store: ObjectStore, job_id: str, order: Order) -> None:
    """Write an order to the store; of several, the last one stands, and of cancellations the first."""
    control = next(each for each, paper in _ORDERS.items() if isinstance(order, paper))
    key, body = layout.control(job_id, control), order.model_dump_json().encode()
    if control is Control.CANCEL:
        store.create(key, body)
    else:
        store.put(key, body)
    take_back_if_removed(store, job_id, [key])


def end_pause(store: ObjectStore, job_id: str) -> None:
    store.delete([layout.control(job_id, Control.PAUSE)])


def _stored(store: ObjectStore, job_id: str) -> dict[Control, str]:
    # Most jobs have none: one listing tells, where asking for each object would take four calls.
    keys = set(store.list(layout.control_prefix(job_id)))
    found = {each: store.get(key) for each in Control if (key := layout.control(job_id, each)) in keys}
    return {each: body.decode(errors="replace") for each, body in found.items() if body is not None}


def _known(bodies: Mapping[str, str]) -> dict[Control, str]:
    return {each: bodies[each] for each in Control if each in bodies}
