"""Facts of living and dying: deaths, absence, and their undoing."""

from datetime import date

from domain.facts.base import Fact, Text


class DeathReported(Fact, frozen=True, tag="death-reported.v1"):
    """The person died on `effective`. How strong this is depends on who reports it (`STRONG`)."""


class DeathDeclared(Fact, frozen=True, tag="death-declared.v1"):
    """A court declared the missing person dead as of `effective`: the day of the judgment, or of the accident (民法典 48).

    `judged_on`: the day of the judgment, where it is another.
    """

    judged_on: date | None = None


class DeathRetracted(Fact, frozen=True, tag="death-retracted.v1"):
    """The publisher takes back its own report: the event `retracts` of the same source.

    A retracted death cannot come back under the document number it had.
    """

    retracts: Text


class FactRetracted(Fact, frozen=True, tag="fact-retracted.v1"):
    """The publisher takes back any fact of its own: the event `retracts` of the same source. Of a death it is the same as above."""

    retracts: Text


class GoneMissing(Fact, frozen=True, tag="gone-missing.v1"):
    """Nobody knows where the person is, since `effective`."""


class DeclaredMissing(Fact, frozen=True, tag="declared-missing.v1"):
    """A court declared the person missing; `since`: the day it names as the last one of which anything is known."""

    since: date | None = None


class Reappeared(Fact, frozen=True, tag="reappeared.v1"):
    """The person is found alive, whatever a court declared."""
