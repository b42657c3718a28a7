-- Under which registrations of whoever is registered or served in some communities all of some tags were given, after one retiree,
-- in order. Behind a policy each hit of the whole country would cost a look into its roster: of a common name there are thousands.
-- So where `few` people are, each is looked up among the hits; where there are more, each hit among the people. A
-- reader's communities are those of its own divisions only, as in `views.ever_in`. What is said of the ids, policies decide.
create function views.found_in(tags bytea[], communities text[], after uuid, so_many bigint, registered boolean, few bigint default 8000)
returns table (retiree uuid, source text, id text)
language plpgsql stable parallel safe security definer rows 100
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
    own constant text[] := array(
        select c from unnest(communities) c
        where current_setting('role') <> 'changqing_readers' or c ^@ any (rights.divisions())
    );
    people uuid[] := array(
        select one.retiree from unnest(own) c(code) cross join lateral (
            select r.retiree from views.roster r where found_in.registered and r.community = c.code and r.retiree > after
            union all
            select r.retiree from views.roster r where not found_in.registered and r.serving = c.code and r.retiree > after
        ) one limit few + 1
    );
begin
    if cardinality(people) <= few then
        return query
            select s.retiree, s.source, s.id from unnest(people) p(retiree) cross join lateral (
                select s.retiree, s.source, s.id from views.search s where s.tag = tags[1] and s.retiree = p.retiree offset 0
            ) s
            join views.roster r on r.retiree = s.retiree and r.source = s.source and r.source_id = s.id and r.registered and r.led_by is null
            where (cardinality(tags) = 1 or cardinality(tags) = (
                select count(*) from views.search o where o.tag = any (tags) and o.retiree = s.retiree and o.source = s.source and o.id = s.id))
            order by s.retiree limit so_many;
    else
        return query
            select s.retiree, s.source, s.id from views.search s cross join lateral (
                select from views.roster r
                where r.retiree = s.retiree and r.source = s.source and r.source_id = s.id and r.registered and r.led_by is null
                  and case when found_in.registered then r.community else r.serving end = any (own)
                limit 1
            ) r
            where s.tag = tags[1] and s.retiree > after and (cardinality(tags) = 1 or cardinality(tags) = (
                select count(*) from views.search o where o.tag = any (tags) and o.retiree = s.retiree and o.source = s.source and o.id = s.id))
            order by s.retiree limit so_many;
    end if;
end $$;
revoke execute on function views.found_in from public;
grant execute on function views.found_in to changqing_services, changqing_readers;
