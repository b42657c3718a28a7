"""How much work a sample is."""

from msgspec import Struct


class Sizes(Struct, frozen=True, kw_only=True):
    """Counts of one sample, unless said otherwise. The defaults are the full run."""

    submissions: int = 60_000
    """Of the bulk stream; the log it makes is also what replay and COPY work on."""
    batch: int = 2_000
    """Submissions a transaction of a bulk load."""
    clients: int = 64
    concurrent: int = 12_800
    """Submissions of all clients together."""
    alone: int = 1_000
    stock_singles: int = 2_000
    """Load-decide-save by the stock library, by all threads together."""
    people: int = 5_000
    """Retirees whom single submissions are about."""
    scale_submissions: int = 71_000
    """What is told through the real path: 100,000 events. The small log has no others."""
    scale_copies: int = 49
    """How often the large log repeats them under other identities."""
    scale_singles: int = 150
    scale_batch: int = 500
    long: int = 4_600
    """Facts of a long history: 10,000 events, as most facts raise or withdraw alerts."""
    short: int = 4
    long_retirees: int = 10
    long_budget: float = 90.0
    """Seconds after which histories stay as long as they have become."""
    lives: int = 2_000
    """Retirees with thirty facts each."""
    lived: int = 10_000
    """What is told of them next."""
    imported: int = 60_000
    """Lines of the smaller file; the larger has four times as many."""
    bus_seconds: int = 60
    """How long events are published at an even rate while it is measured how long each takes."""
    bus_messages: int = 30_000
    """What waits in Kafka for the workers."""
    views_submissions: int = 46_000
    """What is told through the real path for the read models: about 50,000 events of 10,000 retirees."""
    views_copies: int = 99
    """How often they are repeated under other identities: 5,000,000 events of 1,000,000 retirees."""
    views_stock: int = 20_000
    """Events for the library's ProjectionRunner."""
    views_seconds: int = 30
    """How long events come at an even rate while the lag of the read models is measured."""

    api_people: int = 5_000
    """Retirees whom the API is asked about."""
    api_seconds: int = 30
    """How long two hundred read and a hundred write; each question by itself is asked a fifth of it."""


FULL = Sizes()
QUICK = Sizes(
    api_people=500,
    api_seconds=5,
    submissions=4_000,
    batch=1_000,
    concurrent=1_280,
    alone=100,
    stock_singles=240,
    people=500,
    scale_submissions=4_000,
    scale_copies=9,
    scale_singles=20,
    scale_batch=100,
    long=100,
    long_retirees=4,
    long_budget=5.0,
    lives=300,
    lived=1_500,
    imported=4_000,
    bus_seconds=5,
    bus_messages=4_000,
    views_submissions=2_000,
    views_copies=9,
    views_stock=1_000,
    views_seconds=4,
)
