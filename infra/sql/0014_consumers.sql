-- Consumers: who they are (it follows from the log), how far each has come, and what could not be delivered to them. Their
-- places are not in ledger.tracking: an archive waits for those, and must not wait for somebody else's system.
create table ledger.consumer (
    consumer text primary key,
    terms jsonb not null,
    secrets jsonb not null,
    ended text,  -- why; null while it goes on
    revision integer not null default 1,
    registered_at timestamptz not null default clock_timestamp()
);

-- `position`: up to which everything was handed over. `event` is what could not be delivered at the last try: how often it
-- was tried, how often the receiver said that it will not have it, since when nothing gets through, when it is tried next, and why it did not work.
create table ledger.outlet (
    consumer text primary key references ledger.consumer,
    position bigint not null,
    delivered bigint not null default 0,
    delivered_at timestamptz,
    event text,
    tries integer not null default 0,
    refusals integer not null default 0,
    failing_since timestamptz,
    next_try timestamptz,
    code text,
    failed_at timestamptz
);

-- Dead letters. The event itself is in the log at `position`. `state`: dead, again (to be tried once more), delivered.
create table ledger.undelivered (
    consumer text not null references ledger.consumer,
    event text not null,
    position bigint not null,
    type text not null,
    tries integer not null,
    code text not null,
    state text not null default 'dead' check (state in ('dead', 'again', 'delivered')),
    at timestamptz not null default clock_timestamp(),
    primary key (consumer, event)
);
create index on ledger.undelivered (consumer, position) where state <> 'delivered';

grant insert, update on ledger.consumer, ledger.outlet, ledger.undelivered to changqing_services;
