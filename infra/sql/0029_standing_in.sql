-- Ids of whoever is registered or served in some communities, after one of them, in order: now, or where a transaction says as of
-- which position it asks, by that or any other. Behind a policy each id would cost a look into its row, in each community as many
-- as a page has; and many communities are merged by taking of each a share of the page, and more only where that is not enough.
-- A reader's communities are those of its own divisions only, as in `views.ever_in`. What is said of the ids, policies decide.
create function views.standing_in(communities text[], after uuid, so_many bigint, registered boolean, served boolean)
returns setof uuid
language plpgsql stable parallel safe security definer rows 100
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    own constant text[] := array(
        select c from unnest(communities) c
        where current_setting('role') <> 'changqing_readers' or c ^@ any (rights.divisions())
    );
    ever constant boolean := nullif(current_setting('changqing.known_at', true), '') is not null;
    share bigint := least(so_many, 10 + 2 * so_many / greatest(cardinality(own), 1));
    upto uuid;  -- what was taken is all that there is up to here; null: all that there is
    page uuid[];
begin
    loop
        with taken as materialized (
            select ids from unnest(own) c(code) cross join lateral (
                select array(select retiree from views.roster where community = c.code and retiree > after
                             order by retiree limit share) where registered
                union all
                select array(select retiree from views.roster where serving = c.code and retiree > after
                             order by retiree limit share) where served
                union all
                select array(select distinct retiree from views.roster_past where community = c.code and retiree > after
                             order by retiree limit share) where registered and ever
                union all
                select array(select distinct retiree from views.roster_past where serving = c.code and retiree > after
                             order by retiree limit share) where served and ever
            ) one(ids)
        ), complete as (select (select ids[share::int] from taken where ids[share::int] is not null order by 1 limit 1) as last)
        select complete.last, array(select distinct id from taken, unnest(ids) id where complete.last is null or id <= complete.last
                                    order by id limit so_many)
        into upto, page from complete;
        return query select unnest(page);
        so_many := so_many - cardinality(page);
        exit when upto is null or so_many <= 0;
        after := upto;
        share := least(2 * share, so_many);
    end loop;
end $$;
revoke execute on function views.standing_in from public;
grant execute on function views.standing_in to changqing_services, changqing_readers;
