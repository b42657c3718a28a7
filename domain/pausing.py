"""Intake from the bus is paused and resumed by an operator, department by department; what is published meanwhile waits."""

from msgspec import Struct

from domain.facts import Department


class IntakePaused(Struct, frozen=True, kw_only=True, tag_field="name", tag="intake-paused.v1"):
    """From here on nothing of these departments is taken in from the bus. `by` whom, and why."""

    departments: tuple[Department, ...]
    by: str
    reason: str


class IntakeResumed(Struct, frozen=True, kw_only=True, tag_field="name", tag="intake-resumed.v1"):
    """It is taken in again, from where it was left off."""

    departments: tuple[Department, ...]
    by: str


Pauses = dict[Department, IntakePaused]
"""Whose intake rests, and the pause that began it."""


def after(pauses: Pauses, event: IntakePaused | IntakeResumed) -> Pauses:
    """The pauses after one more event. Who is paused twice rests since the first time."""
    if isinstance(event, IntakeResumed):
        return {department: pause for department, pause in pauses.items() if department not in event.departments}
    return dict.fromkeys(event.departments, event) | pauses
