"""An account is known: it asks no more often than it may."""

from fastapi import Request

from domain.refusals import Refused
from services.accounts import Account
from services.api.gate.passing import passing_of
from services.api.gate.rates import Rates

_PUBLISHING = "/v1/events"


def admit(request: Request, account: Account) -> None:
    """An account asks: whoever finds out which says so here. Raises `Refused("too-many-requests")`."""
    passing = passing_of(request)
    if passing is None:
        return
    passing.account = account
    rates: Rates = request.app.state.rates
    if not passing.place.known(account.name):
        raise Refused("too-many-requests", "", "at once")
    left = rates.of_account(account.name, publishes=request.scope["path"] == _PUBLISHING)
    if left is None:
        return
    passing.left = left
    if left.refused:
        passing.retry = left.seconds
        raise Refused("too-many-requests")
