"""What an account is shown, by the purpose it has."""

from domain.identity import names_a_person
from domain.refusals import Refused
from domain.rights.fields import View
from domain.rights.purposes import Purpose, Reason
from infra.field_catalogue import the_catalogue
from services.accounts import Account

_LEAST, _MOST = 2, 200
"""Characters of a reason."""


def purpose_of(account: Account) -> Purpose:
    """What an account looks for. Raises `Refused("purpose-not-allowed")`."""
    return the_catalogue().purpose(account.role, account.department, account.purpose)


def purposes_of(account: Account) -> list[Purpose]:
    """What an account may choose to look for; the default first."""
    return the_catalogue().claimable(account.role, account.department)


def view_of(account: Account) -> View:
    """What that purpose shows. Raises `Refused("purpose-not-allowed")`."""
    return the_catalogue().view(account.role, account.department, account.purpose)


def reasons_for(account: Account) -> list[Reason]:
    """The reasons to be shown what is masked that the account may choose from."""
    return the_catalogue().reasons(purpose_of(account))


def checked(account: Account, reason: str) -> str:
    """A reason as it is recorded: one of the list by its key, or a text of somebody's own.

    Raises `Refused`: `reason-missing`, `identity-number-in-id`, as it stands in the log in clear.
    """
    listed = {one.key: one.said for one in reasons_for(account)}
    said = " ".join(reason.split())
    if not said.isprintable():  # a NUL in the log could be shown nowhere
        raise Refused("invalid-field", "reason", "control characters")
    if said in listed:
        return listed[said]
    if not _LEAST <= len(said) <= _MOST:
        raise Refused("reason-missing", "reason", f"{_LEAST} to {_MOST} characters")
    if names_a_person(said):
        raise Refused("identity-number-in-id", "reason")
    return said
