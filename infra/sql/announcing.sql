-- announced_claim: an outlet that nothing has left by yet
insert into ledger.announced (outlet, position) values (%(outlet)s, 0) on conflict do nothing

-- announced_lock: up to where what leaves by it was recorded, held until the end of the transaction
select position from ledger.announced where outlet = %(outlet)s for update

-- announced_save: up to where it is now
update ledger.announced set position = %(position)s where outlet = %(outlet)s

-- announced_back: from where on it is to be recorded again
update ledger.announced set position = least(position, %(position)s) where outlet = %(outlet)s
