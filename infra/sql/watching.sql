-- sources_find: these sources, and since when each is as it is
select state, since, minute from views.source where source = any(%(sources)s::text[])

-- sources_save: these sources, as they are now
insert into views.source (source, state, due, since, minute)
select * from unnest(%(sources)s::text[], %(states)s::text[], %(dues)s::timestamptz[], %(since)s::int8[], %(minutes)s::timestamptz[])
on conflict (source) do update
set state = excluded.state, due = excluded.due, since = excluded.since, minute = excluded.minute

-- sources_leave: these sources, as they were
insert into views.source_past (source, state, since, minute, until)
select * from unnest(%(sources)s::text[], %(states)s::text[], %(since)s::int8[], %(minutes)s::timestamptz[], %(until)s::int8[])

-- batches_find: these batches, and since when each is as it is
select state, since, minute from views.source_batch
join unnest(%(sources)s::text[], %(batches)s::text[]) as b(source, batch) using (source, batch)

-- batches_save: these batches, as they are now
insert into views.source_batch (source, batch, state, due, since, minute)
select * from unnest(%(sources)s::text[], %(batches)s::text[], %(states)s::text[], %(dues)s::timestamptz[], %(since)s::int8[],
                     %(minutes)s::timestamptz[])
on conflict (source, batch) do update
set state = excluded.state, due = excluded.due, since = excluded.since, minute = excluded.minute

-- batches_leave: these batches, as they were
insert into views.source_batch_past (source, batch, state, since, minute, until)
select * from unnest(%(sources)s::text[], %(batches)s::text[], %(states)s::text[], %(since)s::int8[], %(minutes)s::timestamptz[],
                     %(until)s::int8[])

-- numbers_find: what came under these numbers
select source, number, ids from views.source_number
join unnest(%(sources)s::text[], %(numbers)s::bigint[]) as n(source, number) using (source, number)

-- numbers_save: the first that came under these numbers
insert into views.source_number (source, number, ids)
select source, number, array[id]
from unnest(%(sources)s::text[], %(numbers)s::bigint[], %(ids)s::text[]) as n(source, number, id)

-- number_fork: all that came under a number
update views.source_number set ids = %(ids)s where source = %(source)s and number = %(number)s

-- members_find: those of these members of batches that were counted
select member from views.source_batch_member where member = any(%(members)s::bytea[])

-- members_save: these are counted now
insert into views.source_batch_member (member) select unnest(%(members)s::bytea[])

-- due_after: some sources of which there may be something to tell, after one of them
select source from (select source from views.source where due <= %(now)s
                    union select source from views.source_batch where due <= %(now)s) as d
where source > %(after)s order by source limit %(limit)s

-- sources_there: these sources
select state from views.source where source = any(%(sources)s::text[])

-- batches_due: batches of these sources of which there may be something to tell, those first that wait the longest
select state from views.source_batch where source = any(%(sources)s::text[]) and due <= %(now)s
order by due, source, batch limit %(limit)s

-- head: how far the log is, and what time it is there
select position, clock_timestamp() from ledger.head
