"""What `changqing account` does. Secrets go to standard output, alone, and all that is said about them to standard error."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from domain.accounts import Standing
from domain.refusals import Refused
from infra.accounts import AccountRegister, Registered
from infra.attempts import Attempts
from infra.token_keys import TokenKeys
from services.identities import passwords
from services.identities.accounts import Accounts, check
from services.opening import opened
from services.settings import Settings
from services.web.words import both


class Desk:
    """Whoever keeps the accounts, at the terminal."""

    def __init__(self, settings: Settings) -> None:
        self._application, self._keys = opened(settings)
        self._accounts = Accounts(AccountRegister(self._application.database))

    def close(self) -> None:
        """Close the connections."""
        self._application.close()

    def new(self, name: str, standing: Standing, by: str, *, person: bool) -> None:
        """A new account with its first secret; somebody who signs in elsewhere has none here."""
        self._accounts.add(name, standing, by)
        if not standing.subject:
            self._give(name, by, None, person=person)

    def every(self, *, as_json: bool) -> None:
        """All accounts."""
        found = self._accounts.register.all()
        if as_json:
            rows = [one._asdict() for one in found]
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")
            return
        for one in found:
            sys.stdout.write(_line(one) + "\n")
        if not found:
            sys.stdout.write("没有账号 there is no account\n")

    def change(self, name: str, wanted: dict[str, Any], by: str) -> None:
        """Another standing."""
        found = self._accounts.register.find(name)
        if found is None:
            raise Refused("unknown-account", "account", name)
        standing = msgspec.structs.replace(found.standing, **wanted)
        check(name, standing)
        self._accounts.register.change(name, standing, by)
        _say("已更改 changed", name)

    def rotate(self, name: str, by: str, hours: float, *, person: bool) -> None:
        """A new secret."""
        self._give(name, by, datetime.now(UTC) + timedelta(hours=hours) if hours else None, person=person)

    def disable(self, name: str, by: str, reason: str) -> None:
        """Nobody gets in."""
        self._accounts.register.disable(name, by, reason)
        _say("已停用 disabled", name)

    def enable(self, name: str, by: str) -> None:
        """It may be used again."""
        self._accounts.register.enable(name, by)
        _say("已恢复 enabled", name)

    def unlock(self, name: str, by: str) -> None:
        """Nobody has to wait."""
        attempts = Attempts(self._application.database, self._keys)
        self._accounts.register.unlocked(name, by, attempts.subject("person", name))
        _say("已解除锁定 unlocked", name)

    def rotate_token_key(self, by: str, minutes: int) -> None:
        """A new key of tokens."""
        self._application.ledger.check_key()
        keys = TokenKeys(self._application.database, self._keys)
        _say(
            "令牌签名密钥已更换 tokens are signed with a new key",
            keys.rotate(by, datetime.now(UTC) + timedelta(minutes=minutes)),
        )

    def _give(self, name: str, by: str, until: datetime | None, *, person: bool) -> None:
        if person:
            secret = passwords.first_password()
            self._accounts.register.set_password(name, passwords.hashed(secret), by, must_change=True)
            what = "初始密码，只显示这一次，登录后须更改 first password, shown this once, to be changed at once"
        else:
            secret = self._accounts.new_secret(name, by, until)
            what = "密钥，只显示这一次 secret, shown this once"
        _say(what, name)
        sys.stdout.write(f"{secret}\n")


def _line(one: Registered) -> str:
    standing = one.standing
    parts = [one.name, both(standing.role), both(standing.department), standing.division or "全部 all"]
    if standing.until:
        parts.append(f"至 until {standing.until:%Y-%m-%d %H:%M} UTC")
    if standing.subject:
        parts.append(f"OIDC {standing.subject}")
    if standing.bound:
        parts.append("绑定证书 certificate-bound")
    if one.must_change:
        parts.append("初始密码未改 first password still to be changed")
    if one.disabled is not None:
        parts.append(f"已停用 disabled: {one.disabled}")
    return "  ".join(parts)


def _say(what: str, name: str) -> None:
    sys.stderr.write(f"{name}：{what}\n")
