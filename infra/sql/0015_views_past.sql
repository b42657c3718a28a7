-- What every read model said at any position of the log: a row that changes leaves the one it was in a table beside its
-- own, with the positions from which and up to which it stood. The schema `known` has the same names as `views`, and shows
-- what stood at the position that the setting `changqing.known_at` names: one query answers for now and for any time.

create schema known;
create function known.at() returns bigint language sql stable as $$ select current_setting('changqing.known_at')::bigint $$;

-- Called again for a table whose columns have changed: it begins without any row, as it is folded again.
create function views.remember(model text) returns void language plpgsql as $$
declare
    columns text;
    key text;
begin
    execute format('truncate views.%I', model);
    execute format('drop view if exists known.%I', model);
    execute format('drop table if exists views.%I', model || '_past');
    execute format('alter table views.%I add column if not exists since bigint not null', model);
    execute format('create table views.%I (like views.%I, until bigint not null)', model || '_past', model);
    select string_agg(quote_ident(attname), ', ' order by attnum), min(quote_ident(attname)) filter (where attnum = 1)
    into columns, key from pg_attribute
    where attrelid = format('views.%I', model)::regclass and attnum > 0 and not attisdropped;
    execute format('create index on views.%I (%s)', model || '_past', key);
    execute format('create view known.%I as select %s from views.%I where since <= known.at() '
                   'union all select %s from views.%I where since <= known.at() and until > known.at()',
                   model, columns, model, columns, model || '_past');
end $$;

do $$
declare
    model text;
begin
    foreach model in array array['roster', 'alert_inbox', 'audit_trail', 'handovers'] loop
        perform views.remember(model);
    end loop;
end $$;
delete from ledger.tracking where follower = 'views';

create index on views.roster_past (community text_pattern_ops, retiree);
create index on views.roster_past (serving text_pattern_ops, retiree);
create index on views.alert_inbox_past (retiree);
create index on views.alert_inbox_past (position);
create index on views.handovers_past using gin (batches);

grant usage on schema known to changqing_services;
grant select on all tables in schema known to changqing_services;
alter default privileges in schema known grant select on tables to changqing_services;
