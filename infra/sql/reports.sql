-- known: what was accepted before under these identifications
select i.source, i.id, i.digest, i.position, i.recorded_at
from ledger.inbox i join unnest(%(sources)s::text[], %(ids)s::text[]) as s(source, id) using (source, id)

-- inbox_save: reports that stand in the log now; it fails when somebody was faster
insert into ledger.inbox (source, id, digest, status, position, retiree, recorded_at)
select source, id, digest, 'accepted', position, stream, %(recorded_at)s
from unnest(%(sources)s::text[], %(ids)s::text[], %(digests)s::bytea[], %(positions)s::bigint[], %(streams)s::uuid[])
     as r(source, id, digest, position, stream)
order by source, id
