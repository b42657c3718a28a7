"""The law as dated data: rules with document and article, read from the TOML files beside this one."""

from domain.law.rules import Citation, Jurisdiction, Law, LawError, Rule, parse_law

__all__ = ["Citation", "Jurisdiction", "Law", "LawError", "Rule", "parse_law"]
