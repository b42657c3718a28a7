"""`changqing benefit`: the funeral grant and survivor benefit at the terminal, in two languages or as JSON. Nothing is stored."""

import re
from datetime import date
from fractions import Fraction
from typing import Annotated, NamedTuple

import msgspec
import typer

from domain.benefit import LONGEST, Benefit, Claim, survivor_benefit
from domain.figures import spoken
from domain.law.survivors import Province, Source
from domain.money import Yuan
from domain.refusals import Refused
from infra.statutes import the_survivor_law

_FULL_WIDTH = str.maketrans("０１２３４５６７８９．", "0123456789.")
_TIME = re.compile(r"(?:([0-9]{1,3})(?:y|年))?(?:([0-9]{1,3})(?:m|个月))?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONEY = re.compile(r"([0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.([0-9]{1,2}))?")


class _Said(NamedTuple):
    zh: str
    en: str


class _Figure(NamedTuple):
    amount: Yuan
    yearly: bool
    source: Source | None


_REFUSALS = {
    "duration-invalid": _Said(
        "写作 28y9m、28y、9m、345m 或 28年9个月，有年时月数不超过11，合计不超过75年",
        "write it as 28y9m, 28y, 9m, 345m or 28年9个月; with years at most 11 months, 75 years in all",
    ),
    "amount-invalid": _Said(
        "写作元，至多两位小数，如 2818.50，基数须大于零",
        "write yuan with at most two decimals, as 2818.50; a base is above zero",
    ),
    "date-invalid": _Said("写作 2024-03-12，不晚于今天", "write it as 2024-03-12, not after today"),
    "contributed-missing": _Said("请给出缴费时间，如 28y9m", "give the time of contributions, as 28y9m"),
    "received-missing": _Said(
        "退休人员请给出领取养老金的时间（未领取写 0m）；在职人员请加 --in-service",
        "give the time of pension received (0m for none), or --in-service for who had not retired",
    ),
    "received-in-service": _Said(
        "在职人员没有领取养老金的时间", "who had not retired received no pension: leave one out"
    ),
    "base-missing": _Said(
        "请给出月基数；或用 --base-year-total 给出全年数；或用 --province 和 --died 查已收录的数",
        "give the month's base, or the year's as --base-year-total, or --province and --died to look it up",
    ),
    "base-twice": _Said("--base 和 --base-year-total 只给一个", "give --base or --base-year-total, not both"),
    "base-unknown": _Said(
        "没有收录这一年的数，请查公布的数后用 --base 或 --base-year-total 给出",
        "the figure of that year is not recorded here: give the published one as --base or --base-year-total",
    ),
    "base-yearly-needed": _Said(
        "该省按全年数计算、最后取整，请改用 --base-year-total",
        "this province divides the year's figure at the end: give it as --base-year-total",
    ),
    "province-unknown": _Said(
        "没有收录该省的设置；去掉 --province 则按默认取整。已收录",
        "no settings of that province are recorded; without --province the default rounding holds. Recorded",
    ),
    "died-before-rules": _Said(
        "此前死亡的按当时各地规定，本命令不计算。本规定施行于",
        "earlier deaths come under the local rules of their day, which are not computed here. The rules begin on",
    ),
    "own-contributions-missing": _Said(
        "缴费不足5年，合计不得超过个人缴费之和，请给出个人缴费（以个人身份参保的，给记入个人账户部分）。不设此限为（元）",
        "contributions are under 5 years, so grant and benefit may not exceed what the person paid in: give it (self-employed: "
        "what went into the personal account). Without that limit, in yuan",
    ),
}
"""What a code says; what follows a sentence is the refusal's detail."""


def benefit(  # noqa: PLR0913 - each is an option of the command
    *,
    contributed: Annotated[str | None, typer.Option(help="Time of contributions: 28y9m, 345m, 28年9个月.")] = None,
    received: Annotated[str | None, typer.Option(help="Time of pension received, by a retiree; 0m for none.")] = None,
    in_service: Annotated[bool, typer.Option("--in-service", help="The person had not retired.")] = False,
    base: Annotated[
        str | None,
        typer.Option(help="The province's monthly urban disposable income a head, of the year before the death."),
    ] = None,
    base_year_total: Annotated[str | None, typer.Option(help="The same by year, where it is divided here.")] = None,
    own_contributions: Annotated[
        str | None, typer.Option(help="Yuan the person paid in; needed with less than 5 years of contributions.")
    ] = None,
    province: Annotated[
        str | None, typer.Option(help="Division code, 2 digits or more: its rounding and figures.")
    ] = None,
    died: Annotated[str | None, typer.Option(help="Day of death, YYYY-MM-DD; today by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Compute funeral grant and survivor benefit after a death from illness or not at work. Nothing is stored."""
    try:
        law, day = the_survivor_law(), _day(died)
        scheme = law.scheme(day)
        where = law.province(province.translate(_FULL_WIDTH)) if province else None
        figure = _figure(base, base_year_total, where, day if died else None)
        claim = Claim(
            contributed=_months(contributed, "contributed", "contributed-missing"),
            received=0 if in_service and received is None else _months(received, "received", "received-missing"),
            in_service=in_service,
            own_contributions=_yuan(own_contributions, "own-contributions") if own_contributions is not None else None,
            base=figure.amount,
            yearly=figure.yearly,
            base_source=figure.source,
        )
        found = survivor_benefit(claim, scheme, law.rounding(where, day))
    except Refused as why:
        said, (colon, wide) = _REFUSALS[why.code], (": ", "：") if why.detail else ("", "")
        typer.echo(f"changqing: --{why.path}：{said.zh}{wide}{why.detail}（{why.code}）", err=True)
        typer.echo(f"changqing: --{why.path}: {said.en}{colon}{why.detail} ({why.code})", err=True)
        raise typer.Exit(2) from None
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if json else _text(found, day, died))


def _day(died: str | None) -> date:
    """The day of death; today in Beijing when it is not given. The rules of that day hold."""
    from services.application import today  # noqa: PLC0415 - the event store behind it, which other commands need not load

    if died is None:
        return today()
    written = died.translate(_FULL_WIDTH)
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise Refused("date-invalid", "died") from None
    if day > today() or not _DAY.fullmatch(written):
        raise Refused("date-invalid", "died")
    return day


def _months(written: str | None, option: str, missing: str) -> int:
    """Months of a written time. Raises `Refused` (`missing` when nothing was given, `duration-invalid`)."""
    if written is None:
        raise Refused(missing, option)
    found = _TIME.fullmatch(written.translate(_FULL_WIDTH))
    if not found or not any(found.groups()):
        raise Refused("duration-invalid", option)
    years, months = (int(part) if part else 0 for part in found.groups())
    if (found[1] and months > 11) or years * 12 + months > LONGEST:
        raise Refused("duration-invalid", option)
    return years * 12 + months


def _yuan(written: str, option: str) -> Yuan:
    """Yuan with two decimals of what was written, commas between thousands allowed. Raises `Refused` (`amount-invalid`)."""
    found = _MONEY.fullmatch(written.translate(_FULL_WIDTH))
    if not found:
        raise Refused("amount-invalid", option)
    return f"{int(found[1].replace(',', ''))}.{(found[2] or ''):0<2}"


def _figure(base: str | None, year_total: str | None, where: Province | None, died: date | None) -> _Figure:
    """The base as given by month or by year, or as recorded for the province and the year before the death."""
    if base is not None and year_total is not None:
        raise Refused("base-twice", "base")
    if base is not None:
        return _Figure(_positive(base, "base"), yearly=False, source=None)
    if year_total is not None:
        return _Figure(_positive(year_total, "base-year-total"), yearly=True, source=None)
    if where is None or died is None:
        raise Refused("base-missing", "base")
    found = where.figure(died.year - 1)
    return _Figure(found.year_total, yearly=True, source=where.source(found))


def _positive(written: str, option: str) -> Yuan:
    amount = _yuan(written, option)
    if amount == "0.00":
        raise Refused("amount-invalid", option)
    return amount


def _text(found: Benefit, day: date, died: str | None) -> str:
    """Chinese first, English second: the steps, each with its rule, and the amounts."""
    months = "" if found.own_contributions_applied else f", {spoken(Fraction(found.months))} 个月 months"
    lines = [
        "因病或非因工死亡的丧葬补助金和抚恤金 funeral grant and survivor benefit after a death from illness or not at work",
        f"按 {day} 的规定 under the rules of that day"
        + ("" if died else "，未给出死亡日期故按今天 no day of death was given, so today's"),
        "",
    ]
    for number, step in enumerate(found.steps, 1):
        lines += [
            f"{number}. {step.zh} {step.en}",
            f"   {step.formula}",
            f"   {step.rule.document} {step.rule.article} ({step.mark})",
        ]
    lines += [
        "",
        f"丧葬补助金 funeral grant: {found.grant} 元 yuan",
        f"抚恤金 survivor benefit: {found.benefit} 元 yuan{months}",
        f"合计 together: {found.total} 元 yuan",
    ]
    if any(step.mark == "C" for step in found.steps):
        lines += [
            "",
            "标 C 的步骤条文未定，按默认处理，请核对当地规定 steps marked C are unsettled, a default was used: check the local rule",
        ]
    return "\n".join(lines)
