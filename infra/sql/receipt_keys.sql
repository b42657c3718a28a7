-- key_lock: one at a time makes a key
select pg_advisory_xact_lock(hashtext('ledger.receipt_key'))

-- known: every key of receipts there was, the oldest first, and whether it has begun to sign
select kid, sealed, public, since, until, since <= clock_timestamp() from ledger.receipt_key order by since

-- when: from when a key signs that is published so long before
select clock_timestamp() + %(ahead)s

-- end: the keys there are sign nothing any more that is recorded after a time; what has ended can sign nothing
update ledger.receipt_key
set until = least(until, %(until)s), sealed = case when until <= clock_timestamp() then null else sealed end

-- save: a key
insert into ledger.receipt_key (kid, sealed, public, since, until) values (%(kid)s, %(sealed)s, %(public)s, %(since)s, %(until)s)
