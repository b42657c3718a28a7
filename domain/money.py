"""Money: whole fen inside, yuan with two decimals as text (`"2818.50"`) wherever it is stored, sent or shown."""

from typing import Annotated

from msgspec import Meta

YUAN = Meta(pattern=r"^(0|[1-9][0-9]{0,12})\.[0-9]{2}$(?!\n)", description="Yuan with two decimals, as text.")
Yuan = Annotated[str, YUAN]


def fen(yuan: str) -> int:
    """Fen of an amount in yuan: `"12.30"` is 1230."""
    whole, cents = yuan.split(".")
    return int(whole) * 100 + int(cents)


def yuan(amount: int) -> str:
    """Yuan text of an amount in fen (not negative): 1230 is `"12.30"`."""
    return f"{amount // 100}.{amount % 100:02d}"
