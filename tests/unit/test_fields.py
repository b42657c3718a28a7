"""The catalogue of fields: everything that can be shown or sent stands in it, and what a purpose does not name does not leave."""

import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from domain.facts import Department, Person
from domain.refusals import Refused
from domain.rights import masks
from domain.rights.fields import parse_catalogue
from domain.rights.purposes import CatalogueError, How, Purpose, Sensitivity
from infra.field_catalogue import the_catalogue
from infra.keys import KeyRing
from projections.alert_inbox import AlertRow
from projections.audit_trail import TrailRow
from services.accepting.receipts import Notary
from services.accounts import Role
from services.bus.outgoing import DEAD_LETTERS, DeadLetter, carried, contests, messages, receipts
from services.bus.topics import topics as declared
from services.consumers.catalogue import topics
from services.reading.cards import OF_LINE, OF_PERSON
from services.reading.sheets import field_of
from services.reading.why import Why
from services.registers import REGISTERS
from tests.building import number_of
from tests.docs import ROOT
from tests.unit.test_codec import FIXTURES, read

CATALOGUE = the_catalogue()
PURPOSES = [pytest.param(one, id=one.key) for one in CATALOGUE.purposes.values()]
NOTARY = Notary(KeyRing(bytes(range(32))))
TEXT = files("domain.rights").joinpath("fields.toml").read_text("utf-8")

each_purpose = pytest.mark.parametrize("purpose", PURPOSES)


def paths(value: Any, within: str = "") -> Iterator[str]:
    """The members of some data, those of objects in it as `rule.document`; of lists whatever their elements have."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from paths(inner, f"{within}.{name}" if within else name)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for one in value:
            yield from paths(one, within)
    else:
        yield within


# What there is


def test_everything_that_answers_hold_of_people_is_a_field_of_the_catalogue() -> None:
    held = {
        "person": OF_PERSON,
        "line": ("retiree", "handover", *OF_LINE),
        "alert": (*AlertRow.__struct_fields__, "rule", "priority"),
        "why": Why.__struct_fields__,
        "trail": TrailRow.__struct_fields__,
    }
    for group, names in held.items():
        assert {field.key for field in CATALOGUE.groups[group].fields} == set(names), group
    assert set(OF_PERSON) == set(Person.__struct_fields__) - {"other_identity_number"}


@pytest.mark.parametrize("sheet", [*REGISTERS.values()], ids=[*REGISTERS])
def test_every_column_of_a_register_is_a_field_of_the_catalogue_in_the_same_words(sheet: Any) -> None:
    for column in sheet.columns:
        field = CATALOGUE.fields[field_of(sheet, column)]
        if not column.field:
            assert (field.zh, field.en) == (column.zh, column.en)


def test_no_field_is_of_nothing() -> None:
    columns = {field_of(sheet, column) for sheet in REGISTERS.values() for column in sheet.columns}
    of_answers = {"person", "line", "alert", "why", "trail"}
    rest = {key for key in CATALOGUE.fields if key.partition(".")[0] not in of_answers}
    assert rest - columns == {"bulletin.measure"}


@each_purpose
def test_a_purpose_is_of_roles_that_there_are_and_names_its_bases(purpose: Purpose) -> None:
    assert set(purpose.roles) <= {str(role) for role in Role}
    assert purpose.bases
    assert all(basis.document and basis.article for basis in purpose.bases)


@pytest.mark.parametrize(("role", "department"), [*product(Role, Department)])
def test_an_account_of_any_role_and_department_is_there_for_at_most_one_purpose(
    role: Role, department: Department
) -> None:
    defaults = [one for one in CATALOGUE.claimable(role, department) if one.default]
    assert len(defaults) == 1
    assert CATALOGUE.purpose(role, department) is defaults[0]


# Who is shown what


@each_purpose
def test_an_identity_number_is_plain_for_no_purpose(purpose: Purpose) -> None:
    assert CATALOGUE.view_for(purpose).how("person.identity_number") is not How.PLAIN


@each_purpose
def test_what_tells_that_somebody_is_in_prison_is_for_the_agency_and_its_auditors(purpose: Purpose) -> None:
    telling = ("line.document", "line.article", "alert.kind", "alert.article", "alert.evidence", "why.facts")
    shown = [key for key in telling if CATALOGUE.view_for(purpose).how(key)]
    assert not shown or purpose.key in {"benefit-check", "audit"}


@each_purpose
def test_whoever_keeps_accounts_or_publishes_is_shown_nobody(purpose: Purpose) -> None:
    if {"administrator", "publisher"} & {*purpose.roles}:
        assert not [key for key in CATALOGUE.fields if CATALOGUE.view_for(purpose).how(key)]


def test_a_visit_has_the_door_and_the_bell_and_no_money() -> None:
    view = CATALOGUE.view(Role.COMMUNITY, Department.COMMUNITY, "visit")
    row = {"name": "王小明", "phone": "15400000001", "address": "莲花街道8号", "identity_number": number_of(1)}
    assert view.shown("person", row) == {k: row[k] for k in ("name", "phone", "address")}
    assert view.shown("line", {"monthly_pension": "1.00", "visited_on": None}) == {"visited_on": None}
    assert not [key for key in CATALOGUE.fields if key.startswith("alert.") and view.how(key)]


def test_nobody_may_claim_the_purpose_of_another() -> None:
    for role, department, claimed in (
        (Role.OFFICER, Department.POLICE, "benefit-check"),
        (Role.COMMUNITY, Department.COMMUNITY, "audit"),
        (Role.AUDITOR, Department.AGENCY, "visit"),
        (Role.OFFICER, Department.AGENCY, "from-the-future"),
    ):
        with pytest.raises(Refused, match="purpose-not-allowed"):
            CATALOGUE.purpose(role, department, claimed)


@each_purpose
def test_only_what_is_masked_can_be_opened_and_what_is_left_out_is_not_to_be_had(purpose: Purpose) -> None:
    view = CATALOGUE.view_for(purpose)
    for key in CATALOGUE.fields:
        if view.how(key) is None:
            with pytest.raises(Refused, match="not-of-purpose"):
                view.opening([key])
        else:
            assert view.opening([key]).how(key) is How.PLAIN
    opened = view.opening(view.masked(["person", "line"]))
    assert not opened.masked(["person", "line"])
    assert set(view.masked(["person", "line"])) == {k for k in CATALOGUE.fields if view.how(k) is How.MASKED}


_PEOPLE = st.builds(
    lambda n, name, phone, address: {
        "identity_number": number_of(n),
        "name": name,
        "phone": phone,
        "address": address,
    },
    st.integers(1, 300),
    st.text(st.characters(categories=["Lo"]), min_size=2, max_size=6),
    st.from_regex(r"1[3-9][0-9]{9}|0755-[0-9]{8}|[0-9]{5,9}", fullmatch=True) | st.none(),
    st.from_regex(r"(深圳市)?(福田区)?(莲花街道|城关镇)?[一-龟]{0,9}[0-9]{1,4}号[0-9]{0,4}", fullmatch=True)
    | st.none(),
)


@given(_PEOPLE, st.sampled_from(list(CATALOGUE.purposes.values())))
def test_nothing_of_a_person_leaves_whole_but_what_the_purpose_has_plain(
    person: dict[str, str | None], purpose: Purpose
) -> None:
    view = CATALOGUE.view_for(purpose)
    shown = view.shown("person", person)
    assert set(shown) == {*view.carries("person", person)}
    for name, value in person.items():
        if value is not None and view.how(f"person.{name}") is How.MASKED:
            assert shown[name] != value
            assert "*" in shown[name]
    recorded = view.recorded("person", person)
    assert [one.removesuffix(".masked") for one in recorded] == list(shown)


# Masks


@pytest.mark.parametrize(
    ("mask", "whole", "part"),
    [
        ("identity-number", "11010519491231002X", "110105********002X"),
        ("identity-number", "110105491231002", "110105******002"),
        ("identity-number", "from the future", "****"),
        ("name", "王小明", "王*明"),
        ("name", "王明", "王*"),
        ("name", "欧阳 秀英", "欧**英"),
        ("name", "明", "*"),
        ("phone", "13812341234", "138****1234"),
        ("phone", "０７５５-88888888", "075*****8888"),
        ("phone", "8888888", "88***88"),
        ("phone", "110", "****"),
        ("phone", "无", "****"),
        ("address", "广东省深圳市福田区莲花街道景田路8号3栋301", "广东省深圳市福田区莲花街道****"),
        ("address", "福田区景田路8号", "福田区****"),
        ("address", "8号莲花街道", "****"),
        ("address", "莲花街道", "****"),
        ("whole", "3456.78", "****"),
    ],
)
def test_a_mask_leaves_enough_to_know_whom_one_speaks_of(mask: masks.Mask, whole: str, part: str) -> None:
    assert masks.MASKS[mask](whole) == part


@given(st.text(max_size=60), st.sampled_from(list(masks.MASKS)))
def test_no_mask_shows_all_of_anything_or_breaks_on_any_text(text: str, mask: masks.Mask) -> None:
    if text.strip():
        part = masks.MASKS[mask](text)
        assert "*" in part
        assert part != text or "*" in text


@given(st.text(max_size=40))
def test_of_an_address_no_digit_is_shown(text: str) -> None:
    assert not re.search(r"[0-9]", masks.address(text))


@given(st.dates(min_value=date(1900, 1, 1)), st.integers(0, 999))
def test_of_an_identity_number_the_day_of_birth_is_hidden(day: date, serial: int) -> None:
    number = f"440304{day:%Y%m%d}{serial:03}"
    shown = masks.identity_number(number + ric.calc_check_digit(number + "0"))
    assert shown[6:14] == "*" * 8


# What is sent


def test_every_topic_that_is_declared_is_in_the_catalogue_but_for_what_comes_in() -> None:
    for topic in declared(None):
        assert CATALOGUE.delivery(topic.name) or topic.name.startswith("intake."), topic.name


def _types() -> Iterator[tuple[str, str, type[msgspec.Struct]]]:
    for department in (Department.AGENCY, Department.POLICE):
        for topic, types in topics(department, [Department.POLICE]).items():
            for name, structs in types.items():
                yield from ((topic, name, struct) for struct in structs)
    yield DEAD_LETTERS, "", DeadLetter


@pytest.mark.parametrize(("topic", "name"), sorted({(topic, name) for topic, name, _ in _types()}))
def test_a_type_has_the_members_that_the_catalogue_says_and_no_others(topic: str, name: str) -> None:
    held: set[str] = set()
    for struct in (struct for at, of, struct in _types() if (at, of) == (topic, name)):
        held |= {*_members(struct)}
    assert set(CATALOGUE.members(topic, name)) == held


def _members(struct: type[msgspec.Struct]) -> Iterator[str]:
    """The members of a type with those of the types within it, as its schema has them."""
    schema, components = msgspec.json.schema_components([struct])

    def walk(one: dict[str, Any], within: str) -> Iterator[str]:
        if "$ref" in one:
            yield from walk(components[one["$ref"].rpartition("/")[2]], within)
        elif "anyOf" in one:
            for inner in one["anyOf"]:
                if inner != {"type": "null"}:
                    yield from walk(inner, within)
        elif one.get("type") == "object" and "properties" in one:
            for name, inner in one["properties"].items():
                yield from walk(inner, f"{within}.{name}" if within else name)
        elif one.get("type") == "array" and "$ref" in one.get("items", {}):
            yield from walk(one["items"], within)
        else:
            yield within

    return walk(schema[0], "")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_message_that_becomes_of_what_is_stored_has_members_of_the_catalogue_alone(path: Any) -> None:
    entry = read(path.parent.name, path.read_bytes())
    for message in (*messages(entry), *contests(entry, lambda _: None), *receipts(entry, NOTARY.signed)):
        event = msgspec.json.decode(message.value)
        allowed = set(CATALOGUE.members(message.topic, event["type"]))
        assert allowed, message.topic
        data = event.get("data", {})
        told = {one for one in paths(data) if data.get(one.partition(".")[0]) not in (None, [], {})}
        assert told <= allowed


def test_a_member_that_the_catalogue_does_not_have_is_not_sent() -> None:
    class Chatty(msgspec.Struct):
        retiree: str
        effective: str
        name: str

    told = Chatty(retiree="r", effective="2024-05-01", name="王小明")
    assert carried("life-events", "death-reported.v1", told) == {"retiree": "r", "effective": "2024-05-01"}
    assert carried("a-topic-of-nobody-s", "death-reported.v1", told) == {}


# What a catalogue cannot be


@pytest.mark.parametrize(
    ("said", "instead", "why"),
    [
        ('masked = ["person.*"]', 'masked = ["nobody.*"]', "there is no field"),
        ('masked = ["person.*"]', 'masked = ["archives.*"]', "has no mask"),
        ('mask = "phone"', 'mask = "glass"', "Invalid enum value"),
        ('key = "visit"\nzh = "走访慰问"', 'key = "handover"\nzh = "走访慰问"', "the same key"),
        ('purposes = ["benefit-check"]', 'purposes = ["fun"]', "no such purpose"),
        ('sensitivity = "public"', 'sensitivity = "rumour"', "Invalid enum value"),
    ],
)
def test_a_catalogue_that_does_not_hold_together_is_refused(said: str, instead: str, why: str) -> None:
    assert said in TEXT
    with pytest.raises(CatalogueError, match=why):
        parse_catalogue(TEXT.replace(said, instead, 1))


def test_what_a_catalogue_leaves_out_is_gone_wherever_it_was() -> None:
    found = parse_catalogue(TEXT.replace('"source", "id", "department", "effective"]', '"effective"]', 1))
    assert found.carried("life-events", "death-reported.v1") == {"retiree", "effective"}
    narrow = parse_catalogue(TEXT.replace('masked = ["person.*"]', 'masked = ["person.name"]'))
    view = narrow.view(Role.OFFICER, Department.AGENCY)
    assert set(view.shown("person", dict.fromkeys(OF_PERSON, "某某某"))) == {"name"}
    assert all(one.sensitivity in Sensitivity for one in found.fields.values())


# What the page says


@pytest.mark.parametrize("page", ["docs/privacy.md", "docs/privacy.zh-CN.md"])
def test_the_page_has_every_purpose_with_its_roles_fields_and_bases(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    zh, comma = ("zh-CN" in page), ("、" if "zh-CN" in page else ", ")
    told = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)

    def fields(purpose: Purpose, how: How, *groups: str) -> str:
        view = CATALOGUE.view_for(purpose)
        found = [one for key, one in CATALOGUE.fields.items() if key.startswith(groups) and view.how(key) is how]
        return comma.join(one.zh if zh else one.en for one in found) or "—"

    assert told == [
        (
            one.key,
            one.zh if zh else one.en,
            comma.join(f"`{role}`" for role in one.roles),
            fields(one, How.PLAIN, "person."),
            fields(one, How.MASKED, ""),
            one.cited,
        )
        for one in CATALOGUE.purposes.values()
    ]
