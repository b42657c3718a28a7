"""Named statements: each file holds `-- name: what it does` followed by one statement."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_STATEMENT = re.compile(r"^-- (\w+): [^\n]*\n(.*?)(?=^-- \w+: |\Z)", re.MULTILINE | re.DOTALL)


@cache
def statements(file: str) -> dict[str, LiteralString]:
    """The statements of a file, by name. They are text of this package, never built from input."""
    text = files(__package__).joinpath(f"{file}.sql").read_text("utf-8")
    return {name: body.strip() for name, body in _STATEMENT.findall(text)}


def script(file: str) -> LiteralString:
    """A whole file, for a migration."""
    return files(__package__).joinpath(f"{file}.sql").read_text("utf-8")
