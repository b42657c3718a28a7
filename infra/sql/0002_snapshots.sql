-- What applications of the eventsourcing library keep beside the log.

-- Aggregates as they were at a version. No part of the log: they take no position, and can be deleted and taken again.
create table ledger.snapshot (
    stream uuid not null,
    version integer not null,
    name text not null,
    state bytea not null,
    primary key (stream, version)
);

-- Whose a stream is that an application of the library recorded, and the aggregate's id there, a UUID or a text. Streams of
-- the ledger itself are not here: their ids are the streams.
create table ledger.originator (
    stream uuid primary key,
    application text not null,
    uuid_id uuid,
    text_id text,
    check (num_nonnulls(uuid_id, text_id) = 1)
);
