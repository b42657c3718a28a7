"""What a department may be handed, and what a consumer's terms may say: types and members that there are.

The catalogue is of what leaves the log (`services/bus/outgoing.py`): no personal data, whoever asks. `learners` are the departments
beside the agency that may learn of life events: the declared readers of that topic (`services/bus/topics.py`), as on Kafka.
"""

import re
from collections.abc import Collection
from typing import get_args

from msgspec import Struct

from domain.completeness import Finding, Report
from domain.consumers import Terms, fits
from domain.dispositions import SubmissionRefused
from domain.facts import LIFE_EVENTS as FACTS
from domain.facts import Department
from domain.facts.justice import Justice
from domain.identity import names_a_person
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra.field_catalogue import the_catalogue
from infra.webhooks import Reach, UrlError
from services.accepting.receipts import SignedReceipt, SignedRefusal, SignedReport
from services.bus.outgoing import (
    ALERTS,
    LIFE_EVENTS,
    RECEIPT,
    SOURCE_ALERTS,
    ContestTold,
    LifeEventTold,
    RecordsTold,
    receipts_topic,
)

Types = dict[str, tuple[type[Struct], ...]]


def _tag(type_: type[Struct]) -> str:
    return str(type_.__struct_config__.tag)


_ALERTS: Types = {
    "pension-alert-raised.v1": (AlertRaised,),
    "pension-alert-withdrawn.v1": (AlertWithdrawn,),
    "pension-alert-escalated.v1": (AlertEscalated,),
}
_LIFE_EVENTS: Types = {
    **dict.fromkeys(FACTS, (LifeEventTold,)),
    **dict.fromkeys(("records-joined.v1", "records-parted.v1"), (RecordsTold,)),
}
_FINDINGS: Types = {_tag(type_): (type_,) for type_ in get_args(Finding)}
_RECEIPTS: Types = {
    RECEIPT: (SignedReceipt, SignedReport, SignedRefusal),
    "alert-contested.v1": (ContestTold,),
    **_FINDINGS,
}

_RECEIVES = frozenset({*FACTS, *(_tag(type_) for type_ in (SubmissionRefused, *get_args(Report)))})
"""What a receipt is of."""
_SAYS_TOO_MUCH = frozenset(_tag(type_) for type_ in FACTS.values() if issubclass(type_, Justice))

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_OFFICE = re.compile(r"[a-z][a-z-]*(/[0-9]{0,12})?|[0-9]{2,12}")
_TEXT = 200


def topics(department: Department, learners: Collection[Department]) -> dict[str, Types]:
    """What a department may be handed, by topic: what is for it alone, life events if it is a learner, and all if it is the agency."""
    may: dict[str, Types] = {receipts_topic(department): _RECEIPTS}
    if department is Department.AGENCY:
        return {ALERTS: _ALERTS, SOURCE_ALERTS: _FINDINGS, LIFE_EVENTS: _LIFE_EVENTS, **may}
    return {LIFE_EVENTS: _LIFE_EVENTS, **may} if department in learners else may


def names_for(terms: Terms, learners: Collection[Department]) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the events that become what a consumer gets: those that anybody may have told, and those of its department only."""
    told, own = set[str](), set[str]()
    for topic, types in topics(terms.department, learners).items():
        for name in types:
            if terms.types and not any(fits(pattern, name) for pattern in terms.types):
                continue
            if name == RECEIPT:
                own |= _RECEIVES
            elif topic == receipts_topic(terms.department) and name in _FINDINGS:
                own.add(name)
            elif topic != LIFE_EVENTS or name not in _SAYS_TOO_MUCH:
                told.add(name)
    return frozenset(told), frozenset(own)


def gets_alerts(terms: Terms) -> bool:
    """Whether alerts on pensions are among what a consumer gets."""
    return terms.department is Department.AGENCY and (
        not terms.types or any(fits(pattern, name) for pattern in terms.types for name in _ALERTS)
    )


def check_name(name: str) -> None:
    """Raise `Refused("consumer-invalid")` unless it is a name for a consumer."""
    if not _NAME.fullmatch(name):
        raise Refused(
            "consumer-invalid", "consumer", "lower-case letters, digits and hyphens, 63 at most, a letter first"
        )


def check_words(**words: str) -> None:
    """Raise `Refused` unless each is a short text without an identity number: it is kept in clear."""
    for path, text in words.items():
        if not text.strip() or len(text) > _TEXT:
            raise Refused("consumer-invalid", path, f"1 to {_TEXT} characters")
        if names_a_person(text):
            raise Refused("identity-number-in-id", path)


def check(terms: Terms, reach: Reach, learners: Collection[Department]) -> None:
    """Raise `Refused` unless everything that the terms name is there and may be had.

    Codes: `consumer-invalid`, `consumer-url-refused`, `consumer-type-unknown`, `consumer-field-unknown`.
    """
    if terms.kind == "webhook":
        _check_url(terms, reach)
    elif not terms.account or terms.url:
        raise Refused("consumer-invalid", "account", "a feed is read by an account of the API, and has no URL")
    for office in terms.offices:
        if not _OFFICE.fullmatch(office):
            raise Refused("consumer-invalid", "offices", f"{office} begins the name of no office")
    handed = topics(terms.department, learners)
    may = {name: the_catalogue().carried(topic, name) for topic, types in handed.items() for name in types}
    for pattern in terms.types:
        if not any(fits(pattern, name) for name in may):
            raise Refused("consumer-type-unknown", "types", pattern)
    wanted = [name for name in may if not terms.types or any(fits(pattern, name) for pattern in terms.types)]
    members = {member for name in wanted for member in may[name]}
    for field in terms.fields:
        if field not in members:
            raise Refused("consumer-field-unknown", "fields", field)


def _check_url(terms: Terms, reach: Reach) -> None:
    if terms.account:
        raise Refused("consumer-invalid", "account", "a webhook has no account")
    if names_a_person(terms.url):
        raise Refused("identity-number-in-id", "url")
    if "?" in terms.url:  # what stands in a query is often a password, and the URL is kept in clear
        raise Refused("consumer-url-refused", "url", "it must hold no query")
    try:
        reach.check(terms.url)
    except UrlError as error:
        raise Refused("consumer-url-refused", "url", str(error)) from None
