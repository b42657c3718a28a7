"""The funeral grant and the survivor benefit: what the survivors of an insured person receive once, and how it comes about.

For a death from illness or not at work, 人社部发〔2021〕18号. Exact fractions throughout: nothing is rounded but what `Rounding`
says, and the two amounts, half up to the cent.
"""

from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct

from domain.figures import duration, exact, half_up, spoken
from domain.law.provisions import Citation
from domain.law.survivors import Mark, Provision, Rounding, Scheme, Source
from domain.money import Yuan, fen, yuan
from domain.refusals import Refused

LONGEST = 900
"""Months: no contribution or retirement is longer than 75 years."""


class Claim(Struct, frozen=True, kw_only=True):
    """What the amount depends on. Times in months, money in yuan.

    `base` is a month's, or a year's when `yearly`; `base_source` says where it was found. `own_contributions` is what the person
    paid in (self-employed: what went into the personal account); needed with few years of contributions only.
    """

    contributed: int
    received: int = 0
    in_service: bool = False
    base: Yuan
    yearly: bool = False
    base_source: Source | None = None
    own_contributions: Yuan | None = None


class Step(Struct, frozen=True):
    """One step, for an officer and a family: what is done, the figures, and the rule with the mark of its source."""

    zh: str
    en: str
    formula: str
    rule: Citation
    mark: Mark


class Benefit(Struct, frozen=True, kw_only=True):
    """The amounts in yuan, the exact months of benefit (`"19.25"`; `"271/12"` where decimals would not end), and the way there.

    `floor_applied`: a retiree's least months; `cap_applied`: contributions reached the years from which there is no more;
    `own_contributions_applied`: both amounts together were cut to what the person paid in.
    """

    grant: Yuan
    months: str
    benefit: Yuan
    total: Yuan
    floor_applied: bool
    cap_applied: bool
    own_contributions_applied: bool
    claim: Claim
    steps: tuple[Step, ...]


def survivor_benefit(claim: Claim, scheme: Scheme, rounding: Rounding) -> Benefit:
    """The amounts for a claim.

    Raises `Refused`: `duration-invalid`, `received-in-service`, `base-invalid`, `base-yearly-needed` (the province divides the
    year's figure at the end), `own-contributions-missing` (few years were paid in, so they are the limit; the detail is the amount
    without it).
    """
    _check(claim, rounding)
    working = _Working(claim, scheme, rounding)
    base = working.base()
    months = working.months()
    of_grant = Fraction(scheme.grant.months)
    grant = working.amount("丧葬补助金", "the funeral grant", of_grant, base, ("grant", scheme.grant))
    benefit = working.amount("抚恤金", "the survivor benefit", months, base, ("base", scheme.base))
    grant, benefit = working.limited(grant, benefit)
    both = yuan(grant + benefit)
    working.step("两项合计", "both together", f"{yuan(grant)} + {yuan(benefit)} = {both}", "total", scheme.total)
    return Benefit(
        grant=yuan(grant),
        months=exact(months),
        benefit=yuan(benefit),
        total=both,
        floor_applied=working.floored,
        cap_applied=working.capped,
        own_contributions_applied=working.cut,
        claim=claim,
        steps=tuple(working.steps),
    )


def _check(claim: Claim, rounding: Rounding) -> None:
    for path, months in (("contributed", claim.contributed), ("received", claim.received)):
        if not 0 <= months <= LONGEST:
            raise Refused("duration-invalid", path)
    if claim.in_service and claim.received:
        raise Refused("received-in-service", "received")
    if fen(claim.base) == 0:
        raise Refused("base-invalid", "base")
    if rounding.month_base == "year-last" and not claim.yearly:
        raise Refused("base-yearly-needed", "base")


class _Base(NamedTuple):
    """The monthly base in yuan, and how it stands in formulas."""

    yuan: Fraction
    shown: str


class _Working:
    """The steps as they are written down."""

    def __init__(self, claim: Claim, scheme: Scheme, rounding: Rounding) -> None:
        self.claim, self.scheme, self.rounding = claim, scheme, rounding
        self.steps: list[Step] = []
        self.floored = self.capped = self.cut = False

    def step(self, zh: str, en: str, formula: str, key: str, rule: Provision, *, open_: bool = False) -> None:
        """Write a step down. `open_`: the text does not settle what is done here."""
        source = self.scheme.source(key, rule)
        self.steps.append(Step(zh, en, formula, source.rule, "C" if open_ else source.mark))

    def base(self) -> _Base:
        """The monthly base, by month or out of a year's figure, rounded as the province does."""
        given = self.claim.base
        source = self.claim.base_source or self.scheme.source("base", self.scheme.base)
        month, divided = Fraction(fen(given), 100), given
        if self.claim.yearly:
            month, divided = month / 12, f"{given} ÷ 12"
            said = ("全年收入", "the year's income", f"{given}")
        else:
            said = ("计发基数 B（月）", "the base B, by month", f"B = {given}")
        self.steps.append(Step(*said, source.rule, source.mark))
        if self.rounding.month_base == "year-last":
            self._rounded("折算为月，不取整", "by month, not rounded", f"B = {divided}")
            return _Base(month, divided)
        unit = 1 if self.rounding.month_base == "yuan" else 100
        base = Fraction(half_up(month * unit), unit)
        shown = yuan(int(base * 100))
        if shown != given:
            relation = "=" if base == month else "≈"
            self._rounded("计发基数 B（月）", "the base B, by month", f"B = {divided} {relation} {shown}")
        return _Base(base, shown)

    def months(self) -> Fraction:
        """The months of benefit: by contribution time, less a retiree's years of pension, not under the floor."""
        paid_in, received = self._years(self.claim.contributed), self._years(self.claim.received)
        if (decimals := self.rounding.duration_decimals) is not None:
            times = [(self.claim.contributed, paid_in)]
            if not self.claim.in_service:
                times.append((self.claim.received, received))
            self._rounded(
                f"年限保留{decimals}位小数",
                f"times in years, to {decimals} decimals",
                ", ".join(f"{months} ÷ 12 → {spoken(years)}" for months, years in times),
            )
        most = self._by_contributions(paid_in)
        return most if self.claim.in_service else self._less_received(most, received)

    def amount(self, zh: str, en: str, months: Fraction, base: _Base, rule: tuple[str, Provision]) -> int:
        """So many months of the base, in fen, half up."""
        product = months * base.yuan
        result = half_up(product * 100)
        between = f" = {said}" if "/" not in (said := spoken(product)) and product * 100 != result else ""
        relation = "=" if product * 100 == result else "≈"
        formula = f"{spoken(months)} × {base.shown}{between} {relation} {yuan(result)}"
        self.step(zh, en, formula, *rule)
        return result

    def limited(self, grant: int, benefit: int) -> tuple[int, int]:
        """Both amounts (fen), together not over the person's own contributions where the years are few."""
        rule = self.scheme.own_contributions
        if self.claim.contributed >= rule.below_years * 12:
            return grant, benefit
        both = grant + benefit
        if self.claim.own_contributions is None:
            raise Refused("own-contributions-missing", "own-contributions", yuan(both))
        own = fen(self.claim.own_contributions)
        zh = f"缴费不足{rule.below_years}年，合计不超过个人缴费之和"
        en = f"under {rule.below_years} years: together not more than the person paid in"
        if own < both:
            self.cut = True
            zh += "；先计丧葬补助金，其余为抚恤金（如何分项，条文未定）"
            en += "; the grant first, the rest is the benefit (the text does not say which is cut)"
        formula = f"min({yuan(both)}, {yuan(own)}) = {yuan(min(both, own))}"
        self.step(zh, en, formula, "own-contributions", rule, open_=self.cut)
        grant = min(grant, own)
        return grant, min(benefit, own - grant)

    def _by_contributions(self, years: Fraction) -> Fraction:
        rule, months = self.scheme.contributed, self.claim.contributed
        zh, en = duration(months)
        zh, en = f"缴费{zh}，", f"{en} of contributions, "
        for tier in rule.tiers:
            if months < tier.below_years * 12:
                zh, en = f"{zh}不满{tier.below_years}年", f"{en}under {tier.below_years} years"
                found, formula = Fraction(tier.months), f"{tier.months}"
                break
        else:
            self.capped = months >= rule.cap_years * 12
            if self.capped:
                zh, en = f"{zh}按{rule.cap_years}年计", f"{en}counted as {rule.cap_years} years"
                found, formula = Fraction(rule.cap_months), f"{rule.cap_months}"
            elif months <= rule.full_years * 12:
                zh, en = f"{zh}不超过{rule.full_years}年", f"{en}not over {rule.full_years} years"
                found, formula = Fraction(rule.full_months), f"{rule.full_months}"
            else:
                found = rule.full_months + (years - rule.full_years) * rule.months_per_further_year
                each = "" if rule.months_per_further_year == 1 else f" × {rule.months_per_further_year}"
                zh += f"{rule.full_years}年以上每多1年加{rule.months_per_further_year}个月"
                en += f"{rule.months_per_further_year} more for each year above {rule.full_years}"
                formula = f"{rule.full_months} + ({spoken(years)} − {rule.full_years}){each} = {spoken(found)}"
        self.step(zh, en, formula, "contributed", rule)
        return found

    def _less_received(self, most: Fraction, years: Fraction) -> Fraction:
        rule = self.scheme.received
        left = most - years * rule.months_per_year
        zh, en = duration(self.claim.received)
        each = "" if rule.months_per_year == 1 else f" × {rule.months_per_year}"
        self.step(
            f"退休，领取养老金{zh}，每领取1年减{rule.months_per_year}个月",
            f"retired, {en} of pension received, {rule.months_per_year} less for each year",
            f"{spoken(most)} − {spoken(years)}{each} = {spoken(left)}",
            "received",
            rule,
        )
        if left >= rule.floor_months:
            return left
        self.floored = True
        zh, en = f"不足{rule.floor_months}个月，按{rule.floor_months}个月", f"at least {rule.floor_months} months"
        # The floor is said of every retiree. Whether it is meant for those whose contributions alone give less is not said.
        if odd := most < rule.floor_months:
            zh += "（按缴费本就不足，条文未作区分）"
            en += " (contributions alone give less; the text makes no difference)"
        self.step(zh, en, f"{spoken(left)} → {rule.floor_months}", "received", rule, open_=odd)
        return Fraction(rule.floor_months)

    def _rounded(self, zh: str, en: str, formula: str) -> None:
        """Write down a step that the province's rounding decides."""
        source = self.rounding.source
        self.steps.append(Step(zh, en, formula, source.rule, source.mark))

    def _years(self, months: int) -> Fraction:
        decimals, years = self.rounding.duration_decimals, Fraction(months, 12)
        return years if decimals is None else Fraction(half_up(years * 10**decimals), 10**decimals)
