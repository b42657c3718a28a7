"""What the log keeps of who was shown or handed personal data, who was refused it, and whose reading was unusual.

个人信息保护法 第五十一条 and 第五十四条 want it to be known; 第四十五条 lets a retiree ask. None of it holds personal data but the
retiree's id and what an officer wrote as a reason.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Way(StrEnum):
    """How personal data left the log. `not-told`: recorded before ways were."""

    PAGE = "page"
    API = "api"
    EXPORT = "export"
    PRINT = "print"
    TERMINAL = "terminal"
    NOT_TOLD = "not-told"


class Look(StrEnum):
    """What was done. `unmasked`: fields that are masked otherwise, for a reason; `opened`: a message as its publisher sent it.

    `deeds`: not the person but who saw them, by an auditor or a guardian.
    """

    SHOWN = "shown"
    SOUGHT = "sought"
    UNMASKED = "unmasked"
    OPENED = "opened"
    DEEDS = "deeds"


class DataDisclosed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="personal-data-disclosed.v2"
):
    """Somebody was shown personal data: who, what for, on which basis, which fields, of whom, and by which way.

    `terms`: of a search, keyed hashes of what was sought, each after its field and a colon; it may have found nobody.
    `reason`: why fields were unmasked, or what an operator gave. `export`: of which file it is a part, see `RegisterExported`.
    """

    department: str
    actor: str
    purpose: str
    legal_basis: str
    fields: tuple[str, ...]
    retirees: tuple[UUID, ...]
    way: Way = Way.NOT_TOLD
    look: Look = Look.SHOWN
    terms: tuple[str, ...] = ()
    reason: str = ""
    export: str = ""


class RegisterExported(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="register-exported.v1"
):
    """A register left as a file, or as a sheet to print: recorded before its last bytes left, so a file without it is not whole.

    `export` is in the looks that its rows were recorded by. `digest`: SHA-256 of the file in hex; `size` in bytes; `rows`: without the header.
    """

    export: str
    department: str
    actor: str
    purpose: str
    legal_basis: str
    register: str
    form: str
    rows: int
    size: int
    digest: str


class DataDelivered(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="personal-data-delivered.v1"
):
    """Events about people were handed over at an outlet (a topic, a webhook, a feed, an account of the API) to `department`.

    `alerts`: which alerts are among them. `events`: the ids of all of them as CloudEvents, none where it was recorded before these
    were. `fields`: what each says, in groups: alerts, life-events, records, contests; or the members that a consumer wants. A receipt
    says of a person only what its receiver sent, and is none of them.
    """

    department: str
    outlet: str
    alerts: tuple[str, ...]
    retirees: tuple[UUID, ...]
    events: tuple[str, ...] = ()
    fields: tuple[str, ...] = ("alerts",)
    purpose: str = ""
    legal_basis: str = ""


class LogRead(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="log-read.v1"):
    """An operator at the terminal went through the log as a whole: `actor` is `operator:` and the login, `command` what was run.

    `retiree`: where it was about one alone. `sealed`: what is encrypted stayed so, as in a rebuild.
    """

    department: str
    actor: str
    command: str
    until: int = 0
    retiree: UUID | None = None
    sealed: bool = True
    reason: str = ""


class AccessDenied(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="access-denied.v1"):
    """Somebody was refused: `actor` as claimed, empty where no account has that name; `act`: the method and the path without ids.

    `code`: the reason; `what`: of what, a division say. `address`: keyed hash of where the request came from.
    `count`: so many alike since `first`; None: one.
    """

    department: str
    actor: str
    act: str
    code: str
    what: str = ""
    address: str = ""
    count: int = 1
    first: datetime | None = None


class Unusual(StrEnum):
    """Why reading is flagged; `domain/unusual.py` says from where on."""

    VOLUME = "volume"
    HOURS = "hours"
    ELSEWHERE = "elsewhere"
    ONE_PERSON = "one-person"
    MANY_READERS = "many-readers"
    UNMASKING = "unmasking"


class UnusualAccessFlagged(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="unusual-access-flagged.v1"
):
    """An account's reading on a day (Beijing) is far from usual. `count`: what it came to; `usual`: what it is compared with.

    `position`: of the event that brought it. `retiree`: whom it is about, where it is about one. Nobody is accused: an auditor looks.
    """

    why: Unusual
    day: date
    department: str
    actor: str
    count: int
    usual: int
    position: int
    retiree: UUID | None = None
