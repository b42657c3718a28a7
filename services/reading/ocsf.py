"""Disclosures as a SIEM takes them: OCSF 1.3.0 (schema.ocsf.io), a JSON object each. No personal data, and no id of a retiree, is in any.

Looks, exports, deliveries and passes over the log are API Activity (6003): an account calls an operation that reads data of people;
Datastore Activity (6005) would name PostgreSQL, which no officer ever asks. A refusal for want of an identity is Authentication (3002),
any other an API Activity that failed. What is unusual is a Detection Finding (2004). What has no member of OCSF stands in `unmapped`.
"""

from typing import Any

from domain.disclosures import (
    AccessDenied,
    DataDelivered,
    DataDisclosed,
    LogRead,
    RegisterExported,
    UnusualAccessFlagged,
)
from domain.history import Entry
from services.sentences import SENTENCES

VERSION = "1.3.0"
NAMES = (
    "personal-data-disclosed.v1",
    "personal-data-disclosed.v2",
    "alerts-delivered.v1",
    "personal-data-delivered.v1",
    "register-exported.v1",
    "log-read.v1",
    "access-denied.v1",
    "unusual-access-flagged.v1",
)
"""Under which names such events are stored, of old and now."""
_API, _AUTHENTICATION, _FINDING = 6003, 3002, 2004
_READ, _LOGON, _CREATE = 2, 1, 1
_SUCCESS, _FAILURE, _NEW = 1, 2, 1
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_UNIDENTIFIED = 401

Json = dict[str, Any]


def ocsf(entry: Entry) -> Json | None:
    """An entry of the log as an event of OCSF; None for what is none of these."""
    match entry.event:
        case AccessDenied() as event:
            return _denied(entry, event)
        case UnusualAccessFlagged() as event:
            return _flag(entry, event)
        case _:
            return _looked(entry)


def _looked(entry: Entry) -> Json | None:
    match entry.event:
        case DataDisclosed() as event:
            told = {"people": len(event.retirees), "fields": event.fields, "way": event.way, "look": event.look}
            told |= {"export": event.export, "sought": len(event.terms)}
            return _read(entry, event.actor, f"look.{event.look}", told | _why(event))
        case DataDelivered() as event:
            told = {"people": len(event.retirees), "fields": event.fields, "events": len(event.events)}
            return _read(entry, event.outlet, "deliver", told | _why(event))
        case RegisterExported() as event:
            told = {"rows": event.rows, "size": event.size, "sha256": event.digest, "export": event.export}
            return _read(entry, event.actor, f"export.{event.register}.{event.form}", told | _why(event))
        case LogRead() as event:
            return _read(entry, event.actor, event.command, {"until": event.until, "sealed": event.sealed})
        case _:
            return None


def _event(entry: Entry, class_: int, activity: int, severity: int) -> Json:
    return {
        "category_uid": class_ // 1_000,
        "class_uid": class_,
        "activity_id": activity,
        "type_uid": class_ * 100 + activity,
        "severity_id": severity,
        "time": int(entry.recorded_at.timestamp() * 1_000),
        "metadata": {
            "version": VERSION,
            "product": {"name": "Changqing 长青", "vendor_name": "Changqing"},
            "uid": str(entry.position),
            "sequence": entry.position,
            "log_name": entry.name,
        },
    }


def _read(entry: Entry, actor: str, operation: str, told: Json) -> Json:
    event: Any = entry.event
    return _event(entry, _API, _READ, _INFORMATIONAL) | {
        "status_id": _SUCCESS,
        "actor": {"user": {"name": actor, "org": {"name": event.department}}},
        "api": {"operation": operation, "service": {"name": "changqing"}},
        "src_endpoint": {"name": str(getattr(event, "way", "") or actor.partition(":")[0])},
        "resources": [{"type": "personal data", "name": "retirees"}],
        "unmapped": {name: value for name, value in told.items() if value},
    }


def _why(event: DataDisclosed | DataDelivered | RegisterExported) -> Json:
    return {"purpose": event.purpose, "legal_basis": event.legal_basis}


def _denied(entry: Entry, event: AccessDenied) -> Json:
    user = {"name": event.actor or "unknown", "org": {"name": event.department or "unknown"}}
    common = {
        "status_id": _FAILURE,
        "status_code": event.code,
        "count": event.count,
        "src_endpoint": {"uid": event.address or "unknown"},
    }
    sentence = SENTENCES.get(event.code)
    if sentence and sentence.status == _UNIDENTIFIED:
        return (
            _event(entry, _AUTHENTICATION, _LOGON, _LOW)
            | common
            | {"user": user, "service": {"name": "changqing"}, "unmapped": {"act": event.act}}
        )
    return (
        _event(entry, _API, _READ, _LOW)
        | common
        | {"actor": {"user": user}, "api": {"operation": event.act or "unknown"}, "unmapped": {"what": event.what}}
    )


def _flag(entry: Entry, event: UnusualAccessFlagged) -> Json:
    return _event(entry, _FINDING, _CREATE, _MEDIUM) | {
        "status_id": _NEW,
        "is_alert": True,
        "finding_info": {"uid": str(entry.position), "title": f"unusual reading: {event.why}", "types": [event.why]},
        "count": event.count,
        "unmapped": {
            "actor": event.actor,
            "department": event.department,
            "day": event.day.isoformat(),
            "usual": event.usual,
            "brought_by": event.position,
        },
    }
