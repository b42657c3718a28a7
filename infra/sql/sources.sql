-- sources: every source that is registered
select source, department, office, must_be_signed, heartbeat_minutes, sequence_required from ledger.source order by source

-- keys: every key of a source
select source, keyid, public, valid_from, valid_until, revoked_since from ledger.source_key order by source, valid_from, keyid

-- source_add: a source, unless it is there
insert into ledger.source (source, department, office, must_be_signed, heartbeat_minutes, sequence_required)
values (%(source)s, %(department)s, %(office)s, %(must_be_signed)s, %(heartbeat_minutes)s, %(sequence_required)s)
on conflict do nothing

-- source_set: what is agreed with a source, from now on
update ledger.source
set office = %(office)s, must_be_signed = %(must_be_signed)s, heartbeat_minutes = %(heartbeat_minutes)s,
    sequence_required = %(sequence_required)s
where source = %(source)s

-- source_there: whether a source is registered
select from ledger.source where source = %(source)s

-- key_add: a key, unless there is one of its name
insert into ledger.source_key (keyid, source, public, valid_from, valid_until)
values (%(keyid)s, %(source)s, %(public)s, %(valid_from)s, %(valid_until)s)
on conflict do nothing

-- key_find: whose a key is
select source from ledger.source_key where keyid = %(keyid)s

-- key_revoke: a key is good no more; a second time, the earlier day counts
update ledger.source_key
set revoked_at = clock_timestamp(), revoked_since = least(revoked_since, %(since)s)
where keyid = %(keyid)s

-- original_place: where in the log an event of a publisher stands
select position from ledger.inbox where source = %(source)s and id = %(id)s
