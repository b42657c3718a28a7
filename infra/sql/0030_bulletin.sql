-- The bulletin's figures, reckoned once for a period, a law and a position of the log: the same three give the same figures for
-- ever, so whatever stands here may be thrown away and is reckoned again. `after`: up to whom; `ended`: when it was whole.
create table views.bulletin (
    bulletin bigint generated always as identity primary key,
    first_day date not null,
    last_day date not null,
    law text not null,
    position bigint not null,
    after uuid not null default '00000000-0000-0000-0000-000000000000',
    people bigint not null default 0,
    asked timestamptz not null default now(),
    ended timestamptz,
    unique (first_day, last_day, law, position)
);

-- Of each community: of those registered there, or of those whom it serves.
create table views.bulletin_figure (
    bulletin bigint not null references views.bulletin on delete cascade,
    serving boolean not null,
    community text not null,
    measure text not null,
    done bigint not null,
    of bigint not null,
    primary key (bulletin, serving, community, measure)
);
create index on views.bulletin_figure (community text_pattern_ops, bulletin);
grant select, insert, update, delete on views.bulletin, views.bulletin_figure to changqing_services;

insert into rights.rule (tbl, seen) values
    ('views.bulletin_figure', '(select rights.may(''bulletin.read'')) and community ^@ any ((select rights.divisions())::text[])');
select rights.guard('views', 'bulletin'), rights.guard('views', 'bulletin_figure');

-- What was known of sources at any time: as of every other read model, a row that changes leaves the one it was beside it. Of what
-- changes many times within a minute the last of that minute is left, so that nothing that is sent makes it grow without end.
truncate views.source, views.source_batch, views.source_number, views.source_batch_member;
alter table views.source add column minute timestamptz not null;
alter table views.source_batch add column minute timestamptz not null;
select views.remember('source'), views.remember('source_batch');
delete from ledger.tracking where follower = 'sources';
