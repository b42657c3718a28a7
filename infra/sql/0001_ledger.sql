-- The ledger: one gapless log and what appending to it needs. Everything else can be rebuilt from ledger.event.

create schema ledger;

-- The last position taken. Updated last in every transaction: a rollback leaves no hole, and readers that follow
-- positions never see a later one before an earlier one.
create table ledger.head (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    recorded_at timestamptz not null
);
insert into ledger.head values (true, 0, '1970-01-01 00:00:00+00');

create table ledger.event (
    position bigint not null primary key,
    stream uuid not null,
    version integer not null,
    name text not null,
    recorded_at timestamptz not null,
    state bytea not null
) partition by range (position);
create table ledger.event_000 partition of ledger.event for values from (1) to (10000001);
create table ledger.event_rest partition of ledger.event default;
create index on ledger.event (stream, version);
create index on ledger.event (position) where name like 'pension-alert-%';

-- One row a stream: its last version (-1: none yet) and, for a retiree, the state that decisions need. Locked while deciding.
create table ledger.stream (
    stream uuid primary key,
    version integer not null default -1,
    state bytea
);

-- What was accepted, by the publisher's own identification: repeats are known, conflicts are seen.
create table ledger.inbox (
    source text not null,
    id text not null,
    digest bytea not null,
    status text not null,
    position bigint not null,
    retiree uuid not null,
    recorded_at timestamptz not null,
    primary key (source, id)
);

-- Who is who: keyed hash of an identity number; the master key that hashes and wraps; and the key that each retiree's
-- personal data is encrypted under. Under another master key everybody would be somebody new, so it is checked.
create table ledger.identity (
    tag bytea primary key,
    retiree uuid not null
);
create table ledger.master_key (
    only_row boolean primary key default true check (only_row),
    fingerprint bytea not null
);
create table ledger.retiree_key (
    retiree uuid primary key,
    wrapped bytea not null
);

-- How far each follower has come.
create table ledger.tracking (
    follower text not null,
    application_name text not null,
    position bigint not null,
    primary key (follower, application_name)
);
