"""Reads the TOML files of the domain out of the installed package: the law, who may do what, and the names of divisions."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from domain.divisions import Divisions, parse_divisions
from domain.law import Law, parse_law
from domain.law.calendar import Calendar, parse_calendar
from domain.law.survivors import SurvivorLaw
from domain.law.survivors_files import parse_survivor_law
from domain.lineage import Lineage, parse_lineage
from domain.rights.rights import Rights, parse_rights


@cache
def the_law() -> Law:
    """The law as shipped. Raises `LawError` naming file and key when a file is wrong."""
    return law_of({"national.toml": national_text()})


def national_text() -> str:
    """The file of national rules as shipped."""
    return files("domain.law").joinpath("national.toml").read_text("utf-8")


def law_of(national: Mapping[str, str]) -> Law:
    """The law of national rules out of these texts, by file name, with all else as shipped. Raises `LawError` naming file and key."""
    cities = {entry.name: entry.read_text("utf-8") for entry in files("domain.law").joinpath("cities").iterdir()}
    return parse_law(
        national,
        {name: text for name, text in sorted(cities.items()) if name.endswith(".toml")},
        the_survivor_law(),
        the_calendar(),
    )


@cache
def the_calendar() -> Calendar:
    """The public holidays as shipped. Raises `LawError` naming the file and the year when the file is wrong."""
    return parse_calendar("calendar.toml", files("domain.law").joinpath("calendar.toml").read_text("utf-8"))


@cache
def the_survivor_law() -> SurvivorLaw:
    """What is paid once after a death, as shipped. Raises `LawError` naming file and key when a file is wrong."""
    folder = files("domain.law")
    provinces = {entry.name: entry.read_text("utf-8") for entry in folder.joinpath("provinces").iterdir()}
    return parse_survivor_law(
        ("benefit.toml", folder.joinpath("benefit.toml").read_text("utf-8")),
        {name: text for name, text in sorted(provinces.items()) if name.endswith(".toml")},
    )


@cache
def the_rights() -> Rights:
    """Who may do what, as shipped. Raises `RightsFileError` naming the entry when the file is wrong."""
    return parse_rights(files("domain.rights").joinpath("rights.toml").read_text("utf-8"))


def the_divisions(more: str = "") -> Divisions:
    """The divisions as shipped, and `more` of them: the text of a file of the same form. Raises `DivisionsError`."""
    return parse_divisions(files("domain").joinpath("divisions.toml").read_text("utf-8") + "\n" + more)


def the_lineage(more: str = "") -> Lineage:
    """What became of the divisions as shipped, and `more` names of them, dated or not. Raises `DivisionsError`."""
    folder = files("domain")
    shipped = {"divisions.toml": folder.joinpath("divisions.toml").read_text("utf-8")}
    history = folder.joinpath("divisions_history.toml").read_text("utf-8")
    return parse_lineage(
        shipped | ({"CHANGQING_DIVISIONS_FILE": more} if more else {}), ("divisions_history.toml", history)
    )
