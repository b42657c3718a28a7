-- What became of what was not taken in. Every submission has one disposition at a time: accepted ones stand in
-- ledger.inbox, refused ones here; the log tells of both.

-- Refusals by what they are of: the same one is told to the log once. `key`: a hash of department, source and id (or the
-- place, where those could not be read), digest, code, path and detail. Never altered: the log has what is here.
create table ledger.refused (
    key bytea primary key,
    department text not null,
    source text,
    id text,
    position bigint not null,
    recorded_at timestamptz not null
);
create index on ledger.refused (source, id, position) where source is not null;
grant insert on ledger.refused to changqing_services;
create trigger refuse_change before update or delete on ledger.refused for each row execute function ledger.refuse_change();
create trigger refuse_truncate before truncate on ledger.refused execute function ledger.refuse_change();
alter table ledger.refused enable always trigger refuse_change, enable always trigger refuse_truncate;

-- Messages of which nobody else has what could be sent again. What they were and where they stood is never altered; why
-- they cannot be taken in, and how they ended, is as it is now, and the log has how it came to that. `sealed`: the original
-- bytes with their headers, encrypted, until the letter is closed: nobody needs them any more, and they hold personal
-- data. `position`: of the refusal that made it a letter; `successor`: of the fact that took its place.
create table ledger.dead_letter (
    place text primary key,
    topic text,
    partition integer,
    "offset" bigint,
    channel text not null,
    department text not null,
    published_by text not null,
    digest bytea not null,
    size integer not null,
    source text,
    id text,
    position bigint not null,
    recorded_at timestamptz not null,
    code text not null,
    path text not null,
    detail text not null,
    sealed bytea,
    state text not null default 'waiting' check (state in ('waiting', 'replayed', 'mended', 'given-up')),
    changed_at timestamptz,
    changed_by text,
    reason text,
    successor bigint
);
create index on ledger.dead_letter (state, position, place);
grant insert on ledger.dead_letter to changqing_services;
grant update (code, path, detail, sealed, state, changed_at, changed_by, reason, successor)
    on ledger.dead_letter to changqing_services;
