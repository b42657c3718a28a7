"""Divisions in words: by the names of a day, and those of another time by their own names with what they are on that day."""

from datetime import date

from domain.divisions import Area, ancestors
from domain.lineage import Lineage


def called(lineage: Lineage, code: str, day: date) -> str:
    """`广东省深圳市福田区`; of a code that is not in force on the day `辽宁省大连市普兰店市（现普兰店区 now Pulandian District）`.

    As far down as names are listed.
    """
    for upper in reversed(ancestors(code)):
        if lineage.in_force(upper, day):
            break
        spells = lineage.spells(upper)
        if spells and (ended := spells[-1].valid_to) and ended < day:
            now = lineage.became(upper, ended, day)
            return lineage.full_name(code, ended) + (_noted("现", "now", now) if now else "（已撤销 abolished）")
        if spells and (began := spells[0].valid_from) and day < began:
            then = lineage.was(upper, began, day)
            return lineage.full_name(code, began) + (
                _noted("时属", "then", then) if then else "（其后设立 established later）"
            )
    return lineage.full_name(code, day)


def _noted(zh: str, en: str, areas: tuple[Area, ...]) -> str:
    return f"（{zh}{'、'.join(area.zh for area in areas)} {en} {', '.join(area.en for area in areas)}）"
