"""People at the pages: signing in by a password, and choosing another."""

from typing import Final

from infra.accounts import Registered
from infra.attempts import AS_ONE, AS_ONE_FROM_EVERYWHERE, AT_ADDRESS, Attempts
from services.identities import passwords
from services.identities.accounts import Accounts, usable

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
    """Checks passwords. What is tried in vain is counted, whether or not there is such an account.

    By address, by name at that address, and by name from everywhere. `device`: one that the account was signed in on before; there it is counted apart from all other
    places, so that nobody who knows a name keeps its owner out.
    """

    def __init__(self, accounts: Accounts, attempts: Attempts) -> None:
        self._accounts = accounts
        self._attempts = attempts

    def sign_in(self, name: str, password: str, address: str, device: str = "") -> Registered:
        """Who it is. Raises `SignInError`."""
        shared = [(self._attempts.subject("address-people", address), AT_ADDRESS)]
        mine = self._attempts.subject_at("person", name[:LONGEST_NAME], device or address)
        if not device:
            shared.append((self._attempts.subject("person", name[:LONGEST_NAME]), AS_ONE_FROM_EVERYWHERE))
        found = self._accounts.register.find(name) if len(name) <= LONGEST_NAME and name.isprintable() else None
        claimed = found.name if found else ""
        # who waits at an address, or with an account there, counts no further meanwhile
        for subject, bound in (shared[0], (mine, AS_ONE), *shared[1:]):
            if wait := self._attempts.begin(subject, bound):
                raise SignInError("locked-out", claimed, wait)
        stored = self._accounts.register.password(name if name.isprintable() else "")
        # the same work whether there is such an account or not, so that the time of the answer tells nobody
        if not passwords.right(stored, password[: passwords.LONGEST + 1]) or found is None:
            raise SignInError("wrong-password", claimed)
        if usable(found) is None:
            raise SignInError("disabled", claimed)
        self._attempts.good(mine, *(subject for subject, _ in shared))
        if stored and passwords.outdated(stored):
            self._accounts.register.renew_hash(name, stored, passwords.hashed(password))
        return found

    def choose(self, name: str, before: str, password: str, address: str, device: str = "") -> None:
        """Another password, by whoever knows the one before; all sessions are over. Raises `SignInError`, `Refused("password-too-weak")`."""
        self.sign_in(name, before, address, device)
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
