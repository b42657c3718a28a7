"""Divisions: codes, their levels, their names."""

from pathlib import Path

import pytest
from stdnum import numdb

from domain.divisions import Area, Divisions, DivisionsError, Level, ancestors, level, parse_divisions, prefix, within

FILE = Path(__file__).parents[2] / "domain" / "divisions.toml"


@pytest.fixture(scope="module")
def divisions() -> Divisions:
    return parse_divisions(FILE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("code", "expected", "digits"),
    [
        ("440000000000", Level.PROVINCE, "44"),
        ("440300000000", Level.CITY, "4403"),
        ("440304000000", Level.COUNTY, "440304"),
        ("440310000000", Level.COUNTY, "440310"),
        ("440304901000", Level.STREET, "440304901"),
        ("440304901010", Level.COMMUNITY, "440304901010"),
    ],
)
def test_level(code: str, expected: Level, digits: str) -> None:
    """The trailing zeros say the level; the zero that ends Pingshan's 440310 belongs to its number."""
    assert level(code) is expected
    assert prefix(code) == digits


def test_within() -> None:
    """A community lies in its district, its city, its province and itself, and in no other district."""
    community = "440304901001"
    assert all(within(community, area) for area in ancestors(community))
    assert not within(community, "440305000000")
    assert not within("440300000000", community)


def test_ancestors() -> None:
    """The ancestors of a community are all five levels, from the province down."""
    assert ancestors("440304901001") == (
        "440000000000",
        "440300000000",
        "440304000000",
        "440304901000",
        "440304901001",
    )
    assert ancestors("440300000000") == ("440000000000", "440300000000")


@pytest.mark.parametrize(("city", "counties"), [("4403", 9), ("4101", 12), ("2102", 10), ("4212", 6)])
def test_counties(divisions: Divisions, city: str, counties: int) -> None:
    """Each of the four cities has all its districts and counties."""
    codes = [area.code for area in divisions if area.code.startswith(city)]
    assert len([code for code in codes if level(code) is Level.COUNTY]) == counties
    assert len(codes) == counties + 1


def test_names_are_real(divisions: Divisions) -> None:
    """Every code has the name that the registry of python-stdnum, kept by others, gives it."""
    registry = numdb.get("cn/loc")
    for area in divisions:
        found = dict(item for _, properties in registry.info(area.code[:6]) for item in properties.items())
        assert area.zh in found["county"], area


def test_full_name(divisions: Divisions) -> None:
    """A division is shown in full, in the order of its language."""
    assert divisions.full_name("421202000000") == "湖北省咸宁市咸安区"
    assert divisions.full_name("421202000000", "en") == "Xian'an District, Xianning, Hubei"


def test_unknown(divisions: Divisions) -> None:
    """What has no name is not invented: the full name goes down as far as names are known."""
    assert divisions.find("440304001001") is None
    assert divisions.full_name("440304001001") == "广东省深圳市福田区"
    assert divisions.full_name("110101000000") == ""


def test_a_city_without_counties_is_named_once() -> None:
    """Streets of such a city have 00 where others have a county."""
    city = Divisions([Area("441900000000", "东莞市", "Dongguan"), Area("441900003000", "示例街道", "Sample Street")])
    assert ancestors("441900003000") == ("440000000000", "441900000000", "441900003000")
    assert city.full_name("441900003000") == "东莞市示例街道"


def test_dates_may_stand_beside_the_names() -> None:
    """What is dated has its name all the same."""
    dated = '440000000000 = { zh = "广东省", en = "Guangdong", valid_from = 1949-10-01, valid_to = 2030-01-01 }'
    assert parse_divisions(dated).full_name("440000000000") == "广东省"


def test_extended(divisions: Divisions) -> None:
    """Streets can be added for a city; the divisions they were added to stay as they were."""
    street = Area("440304901000", "示例街道一", "Sample Street 1")
    assert divisions.extended([street]).full_name(street.code) == "广东省深圳市福田区示例街道一"
    assert divisions.find(street.code) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('440304000000 = { zh = "福田区", en = "Futian District" }', "440304000000"),
        ('4403 = { zh = "深圳市", en = "Shenzhen" }', r"\[0-9\]"),
        ('440000000000 = { zh = "广东省" }', "`en`"),
        ("440000000000 = ", "Invalid value"),
    ],
    ids=["no city above", "short code", "no English name", "no TOML"],
)
def test_refused(text: str, named: str) -> None:
    """A file that does not fit is refused, and the message says what."""
    with pytest.raises(DivisionsError, match=named):
        parse_divisions(text)
