"""Facts of the pension itself: that it is drawn, how much, that its owner lives, that another one is drawn beside it."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from domain.checked import Checked
from domain.facts.base import Amount, Division, Fact, Text, Uscc


class SpecialGroup(StrEnum):
    """People whom the four documents ask to be known and visited."""

    ALONE = "alone"
    GRAVELY_ILL = "gravely-ill"
    ADVANCED_AGE = "advanced-age"
    DESTITUTE = "destitute"
    LIVING_ALONE = "living-alone"
    DISABLED = "disabled"


class Category(StrEnum):
    """Who stays as managed before (离休人员, 省管干部): nothing is handed over of them but basic information."""

    RETIREE = "retiree"
    VETERAN = "veteran-cadre"
    PROVINCIAL_CADRE = "provincial-cadre"


class RetirementRegistered(Fact, frozen=True, tag="retirement-registered.v1"):
    """A retirement took effect on `effective`; the pension is paid from the month after.

    `monthly_pension` in yuan; `contribution_months` in months; `residence_division` is the community that serves.
    No retirement age is ever derived: since 2025 it rises by cohort, with years of choice.
    """

    monthly_pension: Amount
    residence_division: Division
    hukou_division: Division | None = None
    contribution_months: Annotated[int, Checked(Meta(ge=0, le=900))] | None = None
    employer: Uscc | None = None
    party_member: bool = False
    special_groups: tuple[SpecialGroup, ...] = ()
    category: Category = Category.RETIREE


class PensionAdjusted(Fact, frozen=True, tag="pension-adjusted.v1"):
    """From the month of `effective` on the pension is `monthly_pension` yuan, as the agency has computed it."""

    monthly_pension: Amount


class Channel(StrEnum):
    """How survival was verified. Data matching counts as well as presence (人社厅发〔2018〕107号)."""

    PRESENCE = "presence"
    VISIT = "visit"
    SELF_SERVICE = "self-service"
    DATA_MATCH = "data-match"


class SurvivalVerified(Fact, frozen=True, tag="survival-verified.v1"):
    """The person was known to live on `effective`."""

    channel: Channel = Channel.PRESENCE


class Scheme(StrEnum):
    """The pension scheme that pays besides ours."""

    EMPLOYEE = "employee"
    CIVIL_SERVANT = "civil-servant"
    RESIDENT = "resident"


class DuplicateBenefitFound(Fact, frozen=True, tag="duplicate-benefit-found.v1"):
    """Since `effective` another pension is drawn besides this one.

    `basic_received`: what was paid of a resident scheme's basic pension, the only part of it to be returned, in yuan.
    """

    scheme: Scheme
    division: Division | None = None
    basic_received: Amount | None = None


class DuplicateBenefitSettled(Fact, frozen=True, tag="duplicate-benefit-settled.v1"):
    """It is settled which pension goes on: ours, or from the month after `effective` the other one alone."""

    keeps_ours: bool = True


class PensionPaid(Fact, frozen=True, tag="pension-paid.v1"):
    """What the agency did in the months of `effective` to `until` (that month alone without it): paid, or withheld."""

    paid: bool = True
    until: Annotated[str, Checked(Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)"))] | None = None
    reason: Text | None = None
