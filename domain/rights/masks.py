"""How a value is shown in part: enough to know whom one speaks of, too little to call, visit or pass for them.

去标识化 by 个人信息保护法 第五十一条（三）. What has not the form that was expected is hidden whole.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal, get_args

Mask = Literal["name", "identity-number", "phone", "address", "whole"]

_NUMBER = re.compile(r"[0-9]{17}[0-9Xx]|[0-9]{15}")
_LONG_PHONE, _SHORT_PHONE = 11, 7
_STREET = re.compile(r"^[^0-9]*?(?:街道|镇|乡|苏木)")
_DISTRICT = re.compile(r"^[^0-9]*?(?:区|县|旗|市|州|盟|省)")
_HIDDEN = "****"


def name(said: str) -> str:
    """王*明, 王*: the first character, and the last of three or more."""
    bare = "".join(said.split())
    if len(bare) < 3:
        return f"{bare[0]}*" if len(bare) > 1 else "*"
    return f"{bare[0]}{'*' * (len(bare) - 2)}{bare[-1]}"


def identity_number(said: str) -> str:
    """110101********1234: the division and the serial number with its check digit. Of 15 digits 110101******123."""
    bare = "".join(said.split())
    if not _NUMBER.fullmatch(bare):
        return _HIDDEN
    last = 4 if len(bare) == 18 else 3
    return f"{bare[:6]}{'*' * (len(bare) - 6 - last)}{bare[-last:]}"


def phone(said: str) -> str:
    """138****1234; of a shorter number two digits at either end."""
    bare = re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", said))
    if len(bare) < _SHORT_PHONE:
        return _HIDDEN
    first, last = (3, 4) if len(bare) >= _LONG_PHONE else (2, 2)
    return f"{bare[:first]}{'*' * (len(bare) - first - last)}{bare[-last:]}"


def address(said: str) -> str:
    """To the street or town, else to the district, and never past the first digit."""
    plain = unicodedata.normalize("NFKC", said)
    found = _STREET.match(plain) or _DISTRICT.match(plain)
    return f"{found.group()}{_HIDDEN}" if found and found.end() < len(plain) else _HIDDEN


def whole(_: str) -> str:
    """Nothing of it, an amount say, but that there is something."""
    return _HIDDEN


MASKS: Mapping[Mask, Callable[[str], str]] = {
    "name": name,
    "identity-number": identity_number,
    "phone": phone,
    "address": address,
    "whole": whole,
}
assert set(MASKS) == set(get_args(Mask))
