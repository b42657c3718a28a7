-- What came of each source, and what is missing: a fold of the log like every view, so that all of it may be thrown away and
-- folded again. A number has a row with the ids that came under it, the first one first; of a batch, each id counts once.
-- `member` is the SHA-256 of source, batch and id: the three of them may be longer than a row of an index.
create table views.source (
    source text primary key,
    state text not null,
    due timestamptz
);
create index on views.source (due) where due is not null;
create table views.source_batch (
    source text,
    batch text,
    state text not null,
    due timestamptz,
    primary key (source, batch)
);
create index on views.source_batch (due) where due is not null;
create table views.source_number (
    source text,
    number bigint,
    ids text[] not null,
    primary key (source, number)
);
create table views.source_batch_member (
    member bytea primary key
);
