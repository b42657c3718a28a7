-- by_key: looked up by key, whatever the statistics of a table that has just grown say
select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)

-- inbox_beginning: the ids that begin alike, by the range they lie in: letters and digits of one length, in any collation
select s.source, s.begin, i.id
from unnest(%(sources)s::text[], %(begins)s::text[], %(lows)s::text[], %(highs)s::text[]) as s(source, begin, low, high),
    lateral (
        select id from ledger.inbox
        where source = s.source and id >= s.low and id <= s.high and starts_with(id, s.begin)
        order by source, id limit 20
    ) as i
