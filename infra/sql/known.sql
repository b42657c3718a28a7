-- inbox_beginning: the ids that begin alike, by the range they lie in: letters and digits of one length, in any collation
select s.source, s.begin, i.id
from unnest(%(sources)s::text[], %(begins)s::text[], %(lows)s::text[], %(highs)s::text[]) as s(source, begin, low, high)
join ledger.inbox i on i.source = s.source and i.id >= s.low and i.id <= s.high and starts_with(i.id, s.begin)
order by i.position
