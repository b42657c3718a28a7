-- once_forget: what is older than a day, some at a time
delete from ledger.once where ctid = any (array(
    select ctid from ledger.once where begun < clock_timestamp() - interval '1 day' limit 100))

-- once_begin: a key is used; nothing where it was used before
insert into ledger.once (account, key, asked) values (%(account)s, %(key)s, %(asked)s) on conflict do nothing returning true

-- once_find: what a key was used for, what came of it, and for how many seconds it has been known
select asked, status, answer, extract(epoch from clock_timestamp() - begun)::float8 from ledger.once
where account = %(account)s and key = %(key)s

-- once_answer: what came of it
update ledger.once set status = %(status)s, answer = %(answer)s where account = %(account)s and key = %(key)s
