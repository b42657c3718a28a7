-- refused_known: which of these refusals the log has
select key, position, recorded_at from ledger.refused where key = any(%(keys)b::bytea[])

-- refused_save: refusals that are in the log now
insert into ledger.refused (key, department, source, id, position, recorded_at)
select r.key, r.department, r.source, r.id, r.position, %(recorded_at)s
from unnest(%(keys)b::bytea[], %(departments)s::text[], %(sources)s::text[], %(ids)s::text[], %(positions)b::int8[])
     as r(key, department, source, id, position)

-- refused_of: where the refusals of one id stand, the newest first; of one department, or of any
select position from ledger.refused
where source = %(source)s and id = %(id)s and (%(department)s::text is null or department = %(department)s)
order by position desc limit %(limit)s

-- inbox_seen: whether whoever asks may know of one id
select position from ledger.inbox where source = %(source)s and id = %(id)s

-- inbox_of: the receipt of one id; and whether, parked when it came, it has taken effect since
select i.status, i.position, i.retiree, i.recorded_at, s.state
from ledger.inbox i left join ledger.led l on l.record = i.retiree
     left join ledger.stream s on s.stream = coalesce(l.leader, i.retiree)
where i.source = %(source)s and i.id = %(id)s

-- letter_known: which of these places have a letter, and what of
select place, digest from ledger.dead_letter where place = any(%(places)s)

-- letter_save: a message that could not be taken in
insert into ledger.dead_letter (place, topic, partition, "offset", channel, department, published_by, digest, size,
                                source, id, position, recorded_at, code, path, detail, sealed)
values (%(place)s, %(topic)s, %(partition)s, %(offset)s, %(channel)s, %(department)s, %(published_by)s, %(digest)s, %(size)s,
        %(source)s, %(id)s, %(position)s, %(recorded_at)s, %(code)s, %(path)s, %(detail)s, %(sealed)s) on conflict (place) do nothing

-- letter_groups: how many letters there are of each failure, the most first
select code, path, department, count(*) as letters, min(recorded_at) as first, max(recorded_at) as last
from ledger.dead_letter
where state = %(state)s and (%(code)s::text is null or code = %(code)s) and (%(path)s::text is null or path = %(path)s)
  and (%(department)s::text is null or department = %(department)s)
group by code, path, department order by letters desc, code, path, department

-- letter_page: letters in the order they came, after one of them
select place, topic, partition, "offset", channel, department, published_by, size, source, id, position, recorded_at,
       code, path, detail, sealed is not null as kept, state, changed_at, changed_by, reason, successor
from ledger.dead_letter
where state = %(state)s and (%(code)s::text is null or code = %(code)s) and (%(path)s::text is null or path = %(path)s)
  and (%(department)s::text is null or department = %(department)s)
  and (position, place) > (%(after)s, %(after_place)s)
order by position, place limit %(limit)s

-- letter_find: one letter
select place, topic, partition, "offset", channel, department, published_by, size, source, id, position, recorded_at,
       code, path, detail, sealed is not null as kept, state, changed_at, changed_by, reason, successor
from ledger.dead_letter where place = %(place)s

-- letter_hold: nobody else deals with it until this connection ends
select pg_advisory_lock(hashtextextended('dead-letter:' || %(place)s, 0))

-- letter_original: its original bytes, sealed
select sealed from ledger.dead_letter where place = %(place)s

-- letter_fails: it was tried again, and cannot be taken in for this
update ledger.dead_letter set code = %(code)s, path = %(path)s, detail = %(detail)s, changed_at = clock_timestamp(), changed_by = %(by)s
where place = %(place)s and state = 'waiting'

-- letter_close: it has come to an end, and its original bytes with it; nothing when somebody was faster
update ledger.dead_letter set state = %(state)s, sealed = null, changed_at = clock_timestamp(), changed_by = %(by)s,
       reason = %(reason)s, successor = %(successor)s
where place = %(place)s and state = 'waiting' returning department

-- retiree_of: who is behind the keyed hash of an identity number
select retiree from ledger.identity where tag = %(tag)s
