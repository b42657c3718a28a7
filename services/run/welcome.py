"""What the terminal says: the accounts as soon as there are any, and when everything is up three things to try."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.console import Console


def accounts_made(console: Console, accounts: Mapping[str, tuple[str, str]]) -> None:
    """Say the secret of each account that was just made and what it is for, by name: this once, as they are kept nowhere."""
    say = partial(console.print, highlight=False, soft_wrap=True)
    if not accounts:
        say("账号照旧 accounts as before; 密钥遗失 a lost secret is replaced by: changqing account rotate NAME")
        return
    say("账号 accounts: name, secret (只显示这一次 shown this once), what for")
    for name, (secret, what) in accounts.items():
        say(f"{name:<14} {secret}  {what}", markup=False)


def welcome(
    console: Console, address: str, bus: str, accounts: Mapping[str, tuple[str, str]], home: Path, *, kept: bool
) -> None:
    """Say it. `address` of the pages and `bus` of Kafka. `accounts`: those that were just made, with their secrets."""
    secret = accounts["civil-affairs"][0] if "civil-affairs" in accounts else "SECRET"
    token = f"curl -s -u civil-affairs:{secret} -d grant_type=client_credentials {address}/oauth/token | cut -d'\"' -f4"
    post = f'curl -H "Authorization: Bearer $({token})" -H "Content-Type: application/cloudevents+json"'
    say = partial(console.print, highlight=False, soft_wrap=True)
    say(f"Kafka {bus} (topics: {address}/asyncapi.json)")
    say(f"\n打开 open [bold]{address}[/bold]，以 officer、community、auditor 登录 sign in as one of these")
    if (home / "death.json").exists():
        _three_things(console, address, post, home)
    say("\nCtrl-C 停止 stops everything" + ("." if kept else "，数据随之清除 and throws the data away."))


def _three_things(console: Console, address: str, post: str, home: Path) -> None:
    say = partial(console.print, highlight=False, soft_wrap=True)
    say("然后试三件事 and try three things:")
    say("1. 民政报告一人死亡，收件箱出现停发与追回 a death is reported, the inbox (officer) shows stop and recovery:")
    say(f"   {post} -d '@{home}/death.json' {address}/v1/events", markup=False)
    say(f"   [bold]{address}/pages/inbox[/bold]")
    say("2. 撤回报告，恢复发放 take it back, and the pension resumes:")
    say(f"   {post} -d '@{home}/retraction.json' {address}/v1/events", markup=False)
    say("3. 看台账，再看谁看过 look at a roster (community), then at who looked, on the audit trail (auditor):")
    say(f"   [bold]{address}/pages/roster[/bold]  [bold]{address}/pages/audit[/bold]")
