-- save: a new account; nothing when the name is taken
insert into ledger.account (account, standing) values (%(account)s, %(standing)s) on conflict (account) do nothing

-- change: what it is for; tokens of before are over
update ledger.account set standing = %(standing)s, revision = revision + 1 where account = %(account)s

-- disable: why nobody may use it
update ledger.account set disabled = %(reason)s, revision = revision + 1 where account = %(account)s

-- enable: it may be used again
update ledger.account set disabled = null, revision = revision + 1 where account = %(account)s

-- set_password: another password
update ledger.account set password = %(password)s, must_change = %(must_change)s, revision = revision + 1
where account = %(account)s

-- renew_hash: the same password, hashed as is done today
update ledger.account set password = %(fresh)s where account = %(account)s and password = %(password)s

-- touch: tokens of before are over
update ledger.account set revision = revision + 1 where account = %(account)s

-- lock: one account, held until the end of the transaction
select account, standing, must_change, disabled, revision, registered_at from ledger.account
where account = %(account)s for no key update

-- find: one account
select account, standing, must_change, disabled, revision, registered_at from ledger.account where account = %(account)s

-- of_subject: the account of somebody at the issuer that people sign in at
select account, standing, must_change, disabled, revision, registered_at from ledger.account
where standing ->> 'subject' = %(subject)s

-- all: every account, by name
select account, standing, must_change, disabled, revision, registered_at from ledger.account order by account

-- page: accounts of a division and of those within it, by name, after one
select account, standing, must_change, disabled, revision, registered_at from ledger.account
where account > %(after)s and coalesce(standing ->> 'division', '') ^@ %(division)s::text order by account limit %(limit)s

-- password: the hash of a password
select password from ledger.account where account = %(account)s

-- secrets: the hashes of a program's secrets that are good now
select digest from ledger.account_secret
where account = %(account)s and (until is null or until > clock_timestamp())

-- secret_save: one more secret
insert into ledger.account_secret (account, digest) values (%(account)s, %(digest)s)

-- secrets_end: the secrets there are end, those that would sooner do
update ledger.account_secret set until = least(until, %(until)s) where account = %(account)s

-- secrets_forget: what has ended
delete from ledger.account_secret where account = %(account)s and until <= clock_timestamp()

-- session_save: somebody signed in
insert into ledger.session (digest, account) values (%(digest)s, %(account)s)

-- session_find: the session of a cookie that is neither idle for too long nor too old
select account, purpose, seen_at < clock_timestamp() - interval '1 minute' from ledger.session
where digest = %(digest)s and seen_at > clock_timestamp() - %(idle)s and began_at > clock_timestamp() - %(longest)s

-- session_seen: it is in use
update ledger.session set seen_at = clock_timestamp() where digest = %(digest)s

-- session_purpose: what is looked at from now on is for this
update ledger.session set purpose = %(purpose)s where digest = %(digest)s

-- session_end: somebody signed out
delete from ledger.session where digest = %(digest)s

-- sessions_end: nobody is signed in by an account any more
delete from ledger.session where account = %(account)s

-- sessions_forget: what is over
delete from ledger.session
where seen_at < clock_timestamp() - %(idle)s or began_at < clock_timestamp() - %(longest)s

-- attempt: count one more attempt, unless somebody must wait; the seconds to wait, 0: none. One is forgotten each so many seconds
insert into ledger.attempt as a (subject, failures) values (%(subject)s, 1)
on conflict (subject) do update set
    failures = case when a.wait_until > clock_timestamp() then a.failures
                    else greatest(0, a.failures - floor(extract(epoch from clock_timestamp() - a.last_at) / %(fades)s)::integer) + 1 end,
    last_at = case when a.wait_until > clock_timestamp() then a.last_at else clock_timestamp() end
returning failures, greatest(0, extract(epoch from wait_until - clock_timestamp()))::float8

-- attempt_wait: so many seconds nobody may try
update ledger.attempt set wait_until = clock_timestamp() + make_interval(secs => %(seconds)s) where subject = %(subject)s

-- attempt_good: it was no failure after all
update ledger.attempt set failures = failures - 1, wait_until = '-infinity' where subject = %(subject)s

-- attempts_forget: nobody has to wait any more
delete from ledger.attempt where subject = any(%(subjects)s)

-- attempts_unlock: of a name, wherever it was tried: the subjects that begin with its own
delete from ledger.attempt where subject between %(subject)s and %(subject)s || '\xffffffffffffffffffffffffffffffffff'::bytea

-- attempts_prune: what is long over
delete from ledger.attempt where last_at < clock_timestamp() - interval '2 days'

-- key_lock: one at a time makes a key
select pg_advisory_xact_lock(hashtext('ledger.token_key'))

-- keys: the keys of tokens that are known, the newest first
select kid, sealed, public, until from ledger.token_key
where until is null or until > clock_timestamp() order by until is null desc, made_at desc

-- key_save: a key that signs from now on
insert into ledger.token_key (kid, sealed, public) values (%(kid)s, %(sealed)s, %(public)s)

-- keys_end: those there are sign no more, and none is known after a time
update ledger.token_key set until = %(until)s where until is null or until > %(until)s
