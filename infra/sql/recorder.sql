-- originator_save: whose these new streams are
insert into ledger.originator (stream, application, uuid_id, text_id)
select s.stream, %(application)s, s.uuid_id, s.text_id
from unnest(%(streams)b::uuid[], %(uuids)b::uuid[], %(texts)b::text[]) as s(stream, uuid_id, text_id)

-- originator_find: whose these streams are; those of the ledger itself are not among them
select stream, application, uuid_id, text_id from ledger.originator where stream = any(%(streams)b::uuid[])

-- application_last: the last position of an application
select e.position from ledger.event e join ledger.originator o using (stream)
where o.application = %(application)s order by e.position desc limit 1

-- snapshot_save: keep snapshots
insert into ledger.snapshot (stream, version, name, state)
select * from unnest(%(streams)b::uuid[], %(versions)b::int[], %(names)b::text[], %(states)b::bytea[])

-- snapshot_read: the snapshots of one stream, forward
select version, name, state from ledger.snapshot
where stream = %(stream)s and version > %(gt)s and version <= %(lte)s order by version limit %(limit)s

-- snapshot_read_desc: the snapshots of one stream, backward
select version, name, state from ledger.snapshot
where stream = %(stream)s and version > %(gt)s and version <= %(lte)s order by version desc limit %(limit)s
