-- What people are shown, they are shown by a role of its own that owns nothing: the rows that the account of a question may see,
-- by what the transaction says of it (`infra/reading.py`). Without that nothing is seen. Who may do what is data (rights.toml);
-- here stands only which act shows which rows.

-- 1. The role of whoever asks, which services take up for one transaction; and services themselves, who fold, relay and decide
-- for everybody, are not bound by rows: PostgreSQL refuses COPY into a table that shows somebody only a part of it.
do $$
declare
    by_hand constant text := 'As a superuser run: create role changqing_readers nologin; alter role changqing_services bypassrls; '
                             'grant changqing_readers to changqing_services with inherit false, set true';
begin
    if to_regrole('changqing_readers') is null then
        begin
            create role changqing_readers nologin;
        exception
            when duplicate_object or unique_violation then null;  -- another database's migration was faster
        end;
    end if;
    if not (select rolbypassrls from pg_roles where rolname = 'changqing_services') then
        begin
            alter role changqing_services bypassrls;
        exception
            when internal_error then null;  -- likewise
        end;
    end if;
    if not pg_has_role('changqing_services', 'changqing_readers', 'set') then
        begin
            grant changqing_readers to changqing_services with inherit false, set true;
        exception
            when unique_violation then null;
        end;
    end if;
exception
    when insufficient_privilege then
        raise exception 'the role changqing_readers is missing or changqing_services lacks bypassrls, and % may not change roles; '
                        '缺少角色 changqing_readers 或 changqing_services 没有 bypassrls，且 % 无权更改角色', current_user, current_user
            using errcode = 'CQ002', hint = by_hand;
end $$;

create schema rights;
grant usage on schema rights to changqing_services, changqing_readers;

-- 2. What a transaction says of whoever asks. Nothing said is nothing seen: null is never true.
create function rights.may(act text) returns boolean language sql stable parallel safe as $$
    select act = any (nullif(current_setting('changqing.acts', true), '')::text[]) $$;
create function rights.divisions() returns text[] language sql stable parallel safe as $$
    select nullif(current_setting('changqing.divisions', true), '')::text[] $$;
create function rights.office() returns text language sql stable parallel safe as $$
    select nullif(current_setting('changqing.office', true), '') $$;
create function rights.department() returns text language sql stable parallel safe as $$
    select nullif(current_setting('changqing.department', true), '') $$;
create function rights.account() returns text language sql stable parallel safe as $$
    select nullif(current_setting('changqing.account', true), '') $$;

-- 3. Whom an account may see. The bodies of functions are texts, so that they are of the tables that answer now,
-- after an exchange too. What reads as its owner says no more than yes or no, or ids of divisions of the account's own.

-- Whether somebody was registered, served or to be received in the account's divisions on any day.
create function rights.was_there(person uuid) returns boolean
language plpgsql stable parallel safe security definer cost 5 set search_path = pg_catalog, pg_temp as $$
begin
    return exists (select from views.lives l where l.retiree = person
                   and exists (select from unnest(l.places) p where p ^@ any (rights.divisions())));
end $$;
-- Whether somebody is registered nowhere: of such a one nobody's roster has anything.
create function rights.unregistered(person uuid) returns boolean
language plpgsql stable parallel safe security definer cost 5 set search_path = pg_catalog, pg_temp as $$
begin
    return not exists (select from views.roster r where r.retiree = person and r.registered);
end $$;
-- Whether the account reads a feed of its own.
create function rights.has_feed() returns boolean
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
    select exists (select from ledger.consumer where ended is null and terms ->> 'kind' = 'feed'
                   and terms ->> 'account' = rights.account() and terms ->> 'department' = rights.department()) $$;

-- Whom the roster shows the account; and about whom alerts went to its offices. An exchange makes these views anew, of the tables
-- that answer then, and rules that ask them need not be.
create view rights.seen with (security_invoker = true) as select retiree from views.roster;
create view rights.alerted with (security_invoker = true) as select retiree, office from views.alert_inbox;

-- Of those whom it does not show as it is: whether it did as it was, or shows the record that goes on for this one. A function,
-- as it is asked of few, and would make each plan several times as large.
create function rights.knew(person uuid) returns boolean language plpgsql stable parallel safe cost 5 as $$
begin
    return exists (select from views.roster_past r where r.retiree = person)
        or exists (select from ledger.led l join rights.seen s on s.retiree = l.leader where l.record = person);
end $$;

-- Ids of whoever may have been in some communities by any day, after one of them. A reader's communities are those of its own
-- divisions only. As a function, since an index of arrays is not used behind a policy.
create function views.ever_in(communities text[], after uuid, so_many bigint) returns setof uuid
language sql stable parallel safe security definer rows 100 set search_path = pg_catalog, pg_temp as $$
    select retiree from (
        select retiree from views.lives
        where places && (select array(select c from unnest(communities) c
                                      where current_setting('role') <> 'changqing_readers' or c ^@ any (rights.divisions())))
        offset 0  -- fenced: the index of places is the one to use, always
    ) there where retiree > after order by retiree limit so_many $$;

revoke execute on all functions in schema rights from public;
grant execute on all functions in schema rights to changqing_services, changqing_readers;
revoke execute on function views.ever_in from public;
grant execute on function views.ever_in to changqing_services, changqing_readers;

-- 4. Which rows of which table; a table that does not stand here is not for readers at all. A table of what was (`_past`) is as
-- its own.
create table rights.rule (tbl text primary key, seen text not null);
insert into rights.rule (tbl, seen)
select 'views.' || model, format('exists (select from rights.seen s where s.retiree = %I.retiree) or rights.knew(retiree)', model)
from unnest(array['lives', 'archives', 'party_relations', 'fees', 'care', 'verifications']) as model;
insert into rights.rule (tbl, seen) values
    ('views.roster', 'community ^@ any ((select rights.divisions())::text[]) or serving ^@ any ((select rights.divisions())::text[]) '
                     'or rights.was_there(retiree)'),
    ('views.handovers', 'exists (select from rights.seen s where s.retiree = handovers.retiree) or rights.knew(retiree) '
                        'or (select rights.may(''bulletin.read'')) and rights.unregistered(retiree)'),
    ('views.alert_inbox', '(select rights.may(''alerts.read'')) and office ^@ (select rights.office()) '
                          'or exists (select from rights.seen s where s.retiree = alert_inbox.retiree) or rights.knew(retiree)'),
    ('views.audit_trail', '(select rights.may(''audit.read'') or rights.may(''looks.read'')) '
                          'and ((select '''' = any (rights.divisions())) or exists (select from rights.seen s where s.retiree = audit_trail.retiree) or rights.knew(retiree)) or deed = ''published'' '
                          'and (select rights.may(''bulletin.read'') or rights.may(''sharing.read'')) '
                          'and (exists (select from rights.seen s where s.retiree = audit_trail.retiree) or rights.knew(retiree))'),
    ('views.unusual_access', '(select rights.may(''flags.read''))'),
    ('views.source_gaps', '(select rights.may(''sharing.read''))'),
    ('views.search', '(select rights.may(''search'')) and exists (select from rights.seen s where s.retiree = search.retiree)'),
    ('views.source', '(select rights.may(''sources.read-all'')) or (select rights.may(''sources.read'')) '
                     'and split_part(source, ''/'', 2) = (select rights.department())'),
    ('views.source_batch', '(select rights.may(''sources.read-all'')) or (select rights.may(''sources.read'')) '
                           'and split_part(source, ''/'', 2) = (select rights.department())'),
    ('ledger.event', 'case when (select rights.may(''alerts.read'')) and name like ''pension-alert-%'' '
                     'then (convert_from(state, ''utf8'')::jsonb ->> ''office'') ^@ (select rights.office()) else false end '
                     'or (select rights.may(''alerts.read'')) and (name = ''day-passed.v1'' '
                     'or exists (select from rights.seen s where s.retiree = event.stream) or rights.knew(stream) '
                     'or exists (select from rights.alerted a where a.retiree = event.stream and a.office ^@ (select rights.office()))) '
                     'or (select rights.may(''feeds.read'') and rights.has_feed())'),
    ('ledger.inbox', '(select rights.may(''receipts.read-all'')) or (select rights.may(''receipts.read'')) '
                     'and split_part(source, ''/'', 2) = (select rights.department())'),
    ('ledger.refused', '(select rights.may(''receipts.read-all'')) or (select rights.may(''receipts.read'')) '
                       'and department = (select rights.department())'),
    ('ledger.dead_letter', '(select rights.may(''letters.read-all'')) or (select rights.may(''letters.read'')) '
                           'and department = (select rights.department())'),
    ('ledger.consumer', '(select rights.may(''consumers.read-all'')) or (select rights.may(''consumers.read'')) '
                        'and terms ->> ''department'' = (select rights.department())'),
    ('ledger.outlet', 'exists (select from ledger.consumer c where c.consumer = outlet.consumer)'),
    ('ledger.undelivered', 'exists (select from ledger.consumer c where c.consumer = undelivered.consumer)'),
    ('ledger.source', '(select rights.may(''sources.read-all'')) or (select rights.may(''sources.read'')) '
                      'and department = (select rights.department())'),
    ('ledger.source_key', 'exists (select from ledger.source s where s.source = source_key.source)'),
    ('ledger.retiree_key', '(select rights.may(''roster.read'') or rights.may(''search'') or rights.may(''alerts.read'')) '
                           'and (exists (select from rights.seen s where s.retiree = retiree_key.retiree) or rights.knew(retiree))'),
    ('ledger.identity', '(select rights.may(''search'')) and (exists (select from rights.seen s where s.retiree = identity.retiree) or rights.knew(retiree))'),
    ('ledger.led', 'exists (select from rights.seen s where s.retiree in (led.leader, led.record))'),
    ('ledger.tracking', '(select rights.account()) is not null'),
    ('ledger.head', '(select rights.account()) is not null'),
    ('ledger.archive', '(select rights.may(''alerts.read''))'),
    ('ledger.follower_stop', '(select rights.may(''followers.read''))');

-- Shows readers of a table what the rule of its name says, and nobody else anything; again for one that was made anew.
create function rights.guard(in_schema text, tbl text) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    made constant text := format('%I.%I', in_schema, tbl);
    named constant text := case when in_schema like 'views%' then 'views' else in_schema end || '.' || regexp_replace(tbl, '_past$', '');
    rule text;
begin
    execute format('alter table %s enable row level security', made);
    execute format('drop policy if exists seen on %s', made);
    select seen into rule from rights.rule r where r.tbl = named;
    if rule is not null then
        rule := replace(rule, ' ' || split_part(named, '.', 2) || '.', ' ' || quote_ident(tbl) || '.');
        execute format('create policy seen on %s for select to changqing_readers using (%s)', made, rule);
        execute format('grant select on %s to changqing_readers', made);
    end if;
end $$;
revoke execute on function rights.guard from public;

-- 5. Every table there is. The views of what was known ask with the rights of whoever asks, not with those of their owner.
create or replace function views.remember(model text) returns void language plpgsql as $$
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
    execute format('create view known.%I with (security_invoker = true) as select %s from views.%I where since <= known.at() '
                   'union all select %s from views.%I where since <= known.at() and until > known.at()',
                   model, columns, model, columns, model || '_past');
    execute format('grant select on known.%I to changqing_readers', model);
    perform rights.guard('views', model);
    perform rights.guard('views', model || '_past');
end $$;

grant usage on schema ledger, views, known to changqing_readers;
grant select on rights.seen, rights.alerted to changqing_readers, changqing_services;
do $$
declare
    found record;
begin
    for found in
        select schemaname, tablename from pg_tables t
        where schemaname in ('ledger', 'views', 'views_next', 'views_before')
          and not exists (select from pg_inherits i where i.inhrelid = format('%I.%I', schemaname, tablename)::regclass)
    loop
        perform rights.guard(found.schemaname, found.tablename);
    end loop;
    for found in select viewname from pg_views where schemaname = 'known' loop
        execute format('alter view known.%I set (security_invoker = true)', found.viewname);
        execute format('grant select on known.%I to changqing_readers', found.viewname);
    end loop;
end $$;
