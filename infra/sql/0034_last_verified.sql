-- When each was last verified, so that whoever was not verified for long is found by indexes alone: behind a policy each of a whole
-- community would cost a look into the roster, and into each fact. Kept by PostgreSQL itself: no fold can forget it.
create function views.last_told(told text[]) returns text
language sql immutable parallel safe
as $$ select max(substring(t from '"effective":"([^"]+)"')) from unnest(told) t where strpos(t, '"gone_by":') = 0 $$;
grant execute on function views.last_told to changqing_services;

-- Also in a version that is being made, and in the one before, which may answer again.
do $$
declare
    version text;
begin
    foreach version in array array['views', 'views_next', 'views_before'] loop
        if to_regclass(version || '.verifications') is not null then
            execute format('alter table %I.verifications add column last_told text generated always as (views.last_told(told)) stored', version);
            execute format('create index verifications_retiree_last_told_idx on %I.verifications (retiree) include (last_told)', version);
        end if;
    end loop;
end $$;

-- Of whoever is registered or served in some communities, after one of them, those last verified by a day, or after today; a few, of
-- so many who are looked at. `more`: of the last only, who may be none of them, but up to whom all were looked at.
-- A reader's communities are those of its own divisions only, as in `views.standing_in`. What is said of the ids, policies decide.
create function views.unverified_in(
    communities text[], after uuid, few bigint, so_many bigint, registered boolean, served boolean, today text, long_ago text)
returns table (retiree uuid, more boolean)
language plpgsql stable parallel safe security definer rows 100
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
    looked constant uuid[] := array(select views.standing_in(communities, after, so_many, registered, served));
    upto constant uuid := looked[so_many::int];  -- there are more after it; null: these are all
    found uuid[] := array(
        select id from unnest(looked) id join views.verifications v on v.retiree = id
        where v.last_told <= long_ago or v.last_told > today order by id limit few);
begin
    if upto is not null and cardinality(found) < few and upto <> all (found) then
        found := found || upto;
    end if;
    return query select id, n = few or coalesce(id = upto, false) from unnest(found) with ordinality one(id, n);
end $$;
revoke execute on function views.unverified_in from public;
grant execute on function views.unverified_in to changqing_services, changqing_readers;
