-- Followers that met an entry they cannot do anything with, and stopped before it; gone when they have passed it.
create table ledger.follower_stop (
    follower text primary key,
    position bigint not null,
    name text not null,
    error text not null,
    since timestamptz not null default clock_timestamp()
);
grant insert, update, delete on ledger.follower_stop to changqing_services;
