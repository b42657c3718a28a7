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
