"""People at the pages: signing in by a password, and choosing another."""

from typing import Final

from infra.accounts import Registered
from infra.attempts import FADES, FADES_AT_ADDRESS, Attempts
from services.identities import passwords
from services.identities.accounts import Accounts, usable
from services.identities.granting import FREE, FREE_AT_ADDRESS

LONGEST_NAME: Final = 100


class SignInError(Exception):
    """Somebody was not let in. The message is a word for the log; `claimed`: the account, where there is one of that name.

    `after`: seconds to wait before the next try. To whoever tries all of them look alike but that.
    """

    def __init__(self, why: str, claimed: str = "", after: float = 0.0) -> None:
        super().__init__(why)
        self.claimed = claimed
        self.after = after


class People:
    """Checks passwords. What is tried in vain is counted by name and by address, whether or not there is such an account."""

    def __init__(self, accounts: Accounts, attempts: Attempts) -> None:
        self._accounts = accounts
        self._attempts = attempts

    def sign_in(self, name: str, password: str, address: str) -> Registered:
        """Who it is. Raises `SignInError`."""
        mine = self._attempts.subject("person", name[:LONGEST_NAME])
        place = self._attempts.subject("address-people", address)
        found = self._accounts.register.find(name) if len(name) <= LONGEST_NAME and name.isprintable() else None
        claimed = found.name if found else ""
        if wait := self._attempts.begin(place, FREE_AT_ADDRESS, FADES_AT_ADDRESS) or self._attempts.begin(
            mine, FREE, FADES
        ):
            raise SignInError("locked-out", claimed, wait)
        stored = self._accounts.register.password(name if name.isprintable() else "")
        # the same work whether there is such an account or not, so that the time of the answer tells nobody
        if not passwords.right(stored, password[: passwords.LONGEST + 1]) or found is None:
            raise SignInError("wrong-password", claimed)
        if usable(found) is None:
            raise SignInError("disabled", claimed)
        self._attempts.good(mine, place)
        if stored and passwords.outdated(stored):
            self._accounts.register.renew_hash(name, stored, passwords.hashed(password))
        return found

    def choose(self, name: str, before: str, password: str, address: str) -> None:
        """Another password, by whoever knows the one before; all sessions are over. Raises `SignInError`, `Refused("password-too-weak")`."""
        self.sign_in(name, before, address)
        passwords.check(name, password, before)
        self._accounts.register.set_password(name, passwords.hashed(password), name, must_change=False)
        self._accounts.forget(name)


def known_at_the_issuer(accounts: Accounts, subject: str) -> Registered:
    """The account of somebody who signed in elsewhere. Raises `SignInError`, `Refused("unknown-account")`."""
    found = accounts.register.of_subject(subject)
    if found is None:
        raise SignInError("unknown-subject")
    if usable(found) is None:
        raise SignInError("disabled", found.name)
    return found
