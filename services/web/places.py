"""Divisions in words: by the names of a day, and those of another time by their own names with what they are on that day."""

from datetime import date

from domain.lineage import Lineage


def called(lineage: Lineage, code: str, day: date) -> str:
    """`广东省深圳市福田区`; of a code that is not in force on the day `辽宁省大连市普兰店市（现普兰店区 now Pulandian District）`.

    As far down as names are listed.
    """
    nearest = lineage.nearest(code)
    if nearest is None or lineage.in_force(nearest, day):
        return lineage.full_name(code, day)
    first, last = lineage.spells(nearest)[0], lineage.spells(nearest)[-1]
    if last.valid_to and last.valid_to < day:
        found = lineage.became(nearest, last.valid_to, day)
        zh, en = ("现", "now") if found else ("已撤销", "abolished")
        own = last.valid_to
    elif first.valid_from and day < first.valid_from:
        found = lineage.was(nearest, first.valid_from, day)
        zh, en = ("时属", "then") if found else ("其后设立", "established later")
        own = first.valid_from
    else:
        return lineage.full_name(code, _before(lineage, nearest, day))
    there = f"{zh}{'、'.join(area.zh for area in found)} {en} {', '.join(area.en for area in found)}"
    return f"{lineage.full_name(code, own)}（{there.strip()}）"


def _before(lineage: Lineage, code: str, day: date) -> date:
    """The last day before another one on which a code was in force."""
    return max(
        (spell.valid_to for spell in lineage.spells(code) if spell.valid_to and spell.valid_to < day), default=day
    )
