-- Keys: those that receipts are signed with, one after the other; that a retiree's key goes by erasing alone; and what a feed shows.

-- 1. The keys of receipts (Ed25519). Each signs from its `since` until the next one's; the public halves stay for ever, as receipts
-- do. Before the first rotation there is none here: the key follows from the ledger's. `sealed`: the seed, null when it signs no more,
-- and of the very first, which is the ledger's own. `until`: nothing recorded later is signed by it.
create table ledger.receipt_key (
    kid text primary key,
    sealed bytea,
    public bytea not null,
    since timestamptz not null,
    until timestamptz
);
grant select, insert, update on ledger.receipt_key to changqing_services;
select rights.guard('ledger', 'receipt_key');

-- 2. A retiree's key goes by `ledger.erase` alone, which has its owner's rights, and looks whether a proposal to erase the person is
-- approved, whether its day has come, and that nobody is held (0024).
revoke delete on ledger.retiree_key from changqing_services;

-- 3. A feed shows whoever reads it what is of that feed, while a page of it is made and at no other question: the page says which feed
-- it is of, and the names of events that its terms come to (`told`: whoever told them; `own`: those of its own department).
create function rights.reads_feed() returns boolean
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
    select exists (select from ledger.consumer where consumer = nullif(current_setting('changqing.feed', true), '')
                   and ended is null and terms ->> 'kind' = 'feed'
                   and terms ->> 'account' = rights.account() and terms ->> 'department' = rights.department()) $$;
create function rights.feed(which text) returns text[] language sql stable parallel safe as $$
    select case when rights.may('feeds.read') and rights.reads_feed()
                then nullif(current_setting('changqing.feed_' || which, true), '')::text[] end $$;
do $$
declare
    before constant text := 'or (select rights.may(''feeds.read'') and rights.has_feed())';
    after constant text := 'or case when name = any ((select rights.feed(''told''))::text[]) '
        'then name not like ''pension-alert-%'' or (convert_from(state, ''utf8'')::jsonb ->> ''office'') ^@ (select rights.office()) '
        'when name = any ((select rights.feed(''own''))::text[]) '
        'then convert_from(state, ''utf8'')::jsonb ->> ''department'' = (select rights.department()) else false end';
begin
    update rights.rule set seen = replace(seen, before, after) where tbl = 'ledger.event' and position(before in seen) > 0;
    if not found then
        raise exception 'the rule of ledger.event is not the one that this migration knows';
    end if;
    -- What is archived stands in no table: the same rule, asked of an entry as it was read.
    execute format('create function rights.shown(positions bigint[], streams uuid[], names text[], states bytea[]) returns setof bigint '
                   'language sql stable parallel safe as $shown$ select event.position from unnest(positions, streams, names, states) '
                   'as event(position, stream, name, state) where %s $shown$', (select seen from rights.rule where tbl = 'ledger.event'));
end $$;
update rights.rule set seen = seen || ' or (select rights.reads_feed())' where tbl = 'ledger.archive';
select rights.guard('ledger', 'event'), rights.guard('ledger', 'archive');
drop function rights.has_feed();
revoke execute on function rights.reads_feed, rights.feed, rights.shown from public;
grant execute on function rights.reads_feed, rights.feed, rights.shown to changqing_services, changqing_readers;
