"""Facts of the registers that offices keep: archives, party relations, fees, and what is done for a retiree."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.checked import Checked
from domain.facts.base import Amount, Division, Fact, Text
from domain.facts.pension import SpecialGroup

_FILES = Meta(ge=1, le=1_000, description="How many files (卷).")


class ArchiveKind(StrEnum):
    """Personnel files go to one keeper, other files to another (咸宁市暂行办法 Art. 5)."""

    PERSONNEL = "personnel"
    OTHER = "other"


class ArchiveReceived(Fact, frozen=True, tag="archive-received.v1"):
    """The keeper took in the retiree's files on `effective`, or took them back; `register`: the number in the transfer register."""

    kind: ArchiveKind = ArchiveKind.PERSONNEL
    files: Annotated[int, Checked(_FILES)] = 1
    register: Text | None = None


class ArchiveLent(Fact, frozen=True, tag="archive-lent.v1"):
    """The files were lent on `effective` to an office (豫政办〔2017〕44号 五（二）: 查阅、复制)."""

    borrower: Text
    kind: ArchiveKind = ArchiveKind.PERSONNEL
    due_back: date | None = None


class ArchiveMoved(Fact, frozen=True, tag="archive-moved.v1"):
    """The files went on `effective` to another keeper, in `division`."""

    division: Division
    kind: ArchiveKind = ArchiveKind.PERSONNEL
    register: Text | None = None


class PartyRelationTransferred(Fact, frozen=True, tag="party-relation-transferred.v1"):
    """The branch of `division` took in the party member on `effective`; `dues_paid_to`: the last month paid (咸宁市暂行办法 Art. 6)."""

    division: Division
    register: Text | None = None
    dues_paid_to: Annotated[str, Checked(Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)"))] | None = None


class FeeAssessed(Fact, frozen=True, tag="fee-assessed.v1"):
    """The office computed on `effective` what is due for this retiree, in yuan (大政办发〔2017〕49号 Art. 12 (3))."""

    amount: Amount
    batch: Text | None = None


class FeePaid(Fact, frozen=True, tag="fee-paid.v1"):
    """The office received the fee for this retiree on `effective`, in yuan (深府办〔2006〕72号 四)."""

    amount: Amount
    batch: Text | None = None


class VisitReason(StrEnum):
    """Why somebody was visited."""

    REGULAR = "regular"
    FESTIVAL = "festival"
    ILLNESS = "illness"
    HARDSHIP = "hardship"
    BEREAVEMENT = "bereavement"


class VisitMade(Fact, frozen=True, tag="visit-made.v1"):
    """The community visited the retiree on `effective` (走访慰问)."""

    reason: VisitReason = VisitReason.REGULAR


class ContactCardIssued(Fact, frozen=True, tag="contact-card-issued.v1"):
    """The community handed out its contact card on `effective` (咸宁市暂行办法 Art. 6 (5))."""

    card: Text | None = None


class CareFlagged(Fact, frozen=True, tag="care-flagged.v1"):
    """Since `effective` the retiree belongs to a special group, or with `holds` false no more."""

    group: SpecialGroup
    holds: bool = True


class ActivityKind(StrEnum):
    """What was held."""

    CULTURE_AND_SPORT = "culture-and-sport"
    LEARNING = "learning"
    PUBLIC_BENEFIT = "public-benefit"
    MUTUAL_HELP = "mutual-help"
    PARTY_LIFE = "party-life"


class ActivityAttended(Fact, frozen=True, tag="activity-attended.v1"):
    """The retiree took part in an activity of the community on `effective`; `activity`: its number or name."""

    activity: Text
    kind: ActivityKind = ActivityKind.CULTURE_AND_SPORT


class HealthService(StrEnum):
    """What was done for somebody's health; never what was found."""

    FILE_OPENED = "file-opened"
    CHECK_UP = "check-up"
    CHRONIC_CARE = "chronic-care"
    FOLLOW_UP = "follow-up"
    REHABILITATION = "rehabilitation"


class HealthFileKept(Fact, frozen=True, tag="health-file-kept.v1"):
    """The community's health service opened or kept the retiree's health file on `effective` (大政办发〔2017〕49号 Art. 8)."""

    service: HealthService = HealthService.FILE_OPENED
