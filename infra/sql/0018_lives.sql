-- What was told of each retiree that holds from a day on, so that the roster can be asked for any day. It is in the log from
-- its beginning, so all views, which share one position, are folded again from there.

create table views.lives (
    retiree uuid primary key,
    facts text[] not null,
    doubts text[] not null,
    places text[] not null,
    position bigint not null
);
select views.remember('lives');
create index on views.lives using gin (places);
create index on views.lives_past using gin (places);
create index on views.alert_inbox (office, kind, position);

do $$
declare
    model text;
begin
    for model in select left(tablename, -5) from pg_tables where schemaname = 'views' and tablename like '%\_past' loop
        execute format('truncate views.%I, views.%I', model, model || '_past');
    end loop;
end $$;
delete from ledger.tracking where follower = 'views';

-- By whom a registration can be found: keyed hashes of what it gave (a name, a telephone number). It goes with the key.
create table views.search (
    tag bytea not null,
    retiree uuid not null,
    source text not null,
    id text not null,
    record uuid not null,
    primary key (tag, retiree, source, id)
);
create index on views.search (record);

create function views.forget_search() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from views.search where record = old.retiree;
    return null;
end $$;
create trigger search_goes_with_the_key after delete on ledger.retiree_key
    for each row execute function views.forget_search();
