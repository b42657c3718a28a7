"""Reads the catalogue of fields out of the installed package."""

from functools import cache
from importlib.resources import files

from domain.rights.fields import Catalogue, parse_catalogue


@cache
def the_catalogue() -> Catalogue:
    """The catalogue as shipped. Raises `CatalogueError` naming the entry when the file is wrong."""
    return parse_catalogue(files("domain.rights").joinpath("fields.toml").read_text("utf-8"))
