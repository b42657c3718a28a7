"""What a value must look like when it comes in. What is stored was looked at then, and is not again: reading the log takes half the time."""

from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Meta, Struct, defstruct
from msgspec.structs import fields


class Checked(NamedTuple):
    """Marks a type as one that must fit `meta` when it comes in."""

    meta: Meta


def arriving(type_: Any) -> Any:
    """A type annotation with all its checks in force."""
    if get_origin(type_) is Annotated:
        bare, *marks = get_args(type_)
        return Annotated[arriving(bare), *(mark.meta if isinstance(mark, Checked) else mark for mark in marks)]
    if isinstance(type_, UnionType) or get_origin(type_) is Union:
        return reduce(or_, map(arriving, get_args(type_)))
    return type_


def arriving_struct(struct: type[Struct], **more: type) -> type[Struct]:
    """A struct as it comes in: the fields of `struct` with their checks in force, and `more`; no other, and no tag."""
    hints = get_type_hints(struct, include_extras=True)
    given: list[Any] = [
        (field.name, arriving(hints[field.name]), *([] if field.default is NODEFAULT else [field.default]))
        for field in fields(struct)
    ]
    return defstruct(
        struct.__name__, [*given, *more.items()], kw_only=True, frozen=True, tag=False, forbid_unknown_fields=True
    )
