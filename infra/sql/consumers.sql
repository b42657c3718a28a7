-- consumer_save: a new consumer; nothing when the name is taken
insert into ledger.consumer (consumer, terms, secrets) values (%(consumer)s, %(terms)s, %(secrets)s) on conflict do nothing

-- outlet_save: where it begins
insert into ledger.outlet (consumer, position) values (%(consumer)s, %(position)s)

-- consumer_change: other terms or secrets; it goes on, if it had ended
update ledger.consumer set terms = %(terms)s, secrets = %(secrets)s, ended = null, revision = revision + 1
where consumer = %(consumer)s

-- consumer_end: it ends; nothing when it had ended
update ledger.consumer set ended = %(ended)s, revision = revision + 1 where consumer = %(consumer)s and ended is null

-- outlet_hurry: tried at once, whatever stood in the way
update ledger.outlet set next_try = null where consumer = %(consumer)s

-- consumer_touch: whoever delivers to it looks again
update ledger.consumer set revision = revision + 1 where consumer = %(consumer)s

-- consumer_lock: one consumer, held until the end of the transaction
select consumer, terms, secrets, ended, revision, registered_at from ledger.consumer
where consumer = %(consumer)s for no key update

-- consumer_find: one consumer
select consumer, terms, secrets, ended, revision, registered_at from ledger.consumer where consumer = %(consumer)s

-- consumer_all: every consumer
select consumer, terms, secrets, ended, revision, registered_at from ledger.consumer order by consumer

-- outlet_find: how far it has come
select position, delivered, delivered_at, event, tries, refusals, failing_since, next_try, code, failed_at from ledger.outlet
where consumer = %(consumer)s

-- outlet_advance: it has come further, from just where it was; nothing when somebody else moved it
update ledger.outlet set position = %(position)s, delivered = delivered + %(count)s,
    delivered_at = case when %(count)s > 0 then clock_timestamp() else delivered_at end
where consumer = %(consumer)s and position = %(after)s

-- outlet_works: nothing stands in the way any more
update ledger.outlet set event = null, tries = 0, refusals = 0, failing_since = null, next_try = null
where consumer = %(consumer)s and failing_since is not null

-- outlet_fails: one more try was in vain
update ledger.outlet set event = %(event)s, tries = %(tries)s, refusals = %(refusals)s, failing_since = %(since)s, next_try = %(at)s, code = %(code)s,
    failed_at = clock_timestamp()
where consumer = %(consumer)s

-- outlet_move: back to a place, and tried at once; nothing when it has not come as far
update ledger.outlet set position = %(position)s, next_try = null where consumer = %(consumer)s and position >= %(position)s

-- outlet_acknowledge: a reader says how far it has come; never back
update ledger.outlet set position = %(position)s, delivered_at = clock_timestamp()
where consumer = %(consumer)s and position <= %(position)s

-- letter_save: an event becomes a dead letter, or is one again
insert into ledger.undelivered (consumer, event, position, type, tries, code)
values (%(consumer)s, %(event)s, %(position)s, %(type)s, %(tries)s, %(code)s)
on conflict (consumer, event) do update set tries = excluded.tries, code = excluded.code, state = 'dead', at = excluded.at

-- letters_delivered: these got there after all
update ledger.undelivered set state = 'delivered', at = clock_timestamp()
where consumer = %(consumer)s and event = any(%(events)s) and state <> 'delivered'

-- letters_again: these are to be tried once more; all when none is named
update ledger.undelivered set state = 'again'
where consumer = %(consumer)s and state = 'dead' and (%(events)s::text[] is null or event = any(%(events)s)) returning event

-- letters_waiting: what is to be tried once more, the oldest first
select event, position, type, tries, code, state, at from ledger.undelivered
where consumer = %(consumer)s and state = 'again' order by position, event limit %(limit)s

-- letters_dead: the dead letters of a consumer, the oldest first
select event, position, type, tries, code, state, at from ledger.undelivered
where consumer = %(consumer)s and state <> 'delivered' order by position, event limit %(limit)s

-- letters_count: how many dead letters each has
select consumer, count(*) from ledger.undelivered where state <> 'delivered' group by consumer
