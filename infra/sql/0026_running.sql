-- What an account asked under a key of its own, so that asking again does nothing again: keyed hashes of the key and of what
-- was asked, and the answer, sealed. Without a status it is being done, or its process died while it was. Kept for a day.
create table ledger.once (
    account text not null,
    key bytea not null,
    asked bytea not null,
    begun timestamptz not null default clock_timestamp(),
    status int,
    answer bytea,
    primary key (account, key)
);
create index on ledger.once (begun);
grant insert, update (status, answer), delete on ledger.once to changqing_services;

-- Which trace (W3C traceparent) the events of a stream from one version to another belong to: those of a submission that came
-- with one, and what followed from it. For whoever sends them on; kept for a week, and no part of the log.
create table ledger.trace (
    stream uuid not null,
    first int not null,
    last int not null,
    traceparent text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (stream, last)
);
create index on ledger.trace (at);
grant insert, delete on ledger.trace to changqing_services;
