-- keys_of_the_ledger: the fingerprints of its key-encryption key, and of the one it is being rotated to
select fingerprint, next from ledger.master_key

-- secrets_kept: the secrets that were handed on
select fingerprint, purpose, wrapped from ledger.kept_secret

-- rotation_lock: how far a rotation is, held until the end of the transaction
select fingerprint, next, begun_at, rotated from ledger.master_key for update

-- rotation_begin: from now on fresh keys are wrapped under the next key
update ledger.master_key set next = %(next)s, begun_at = clock_timestamp(), rotated = null

-- secret_keep: hand a secret on
insert into ledger.kept_secret (fingerprint, purpose, wrapped) values (%(fingerprint)s, %(purpose)s, %(wrapped)s)
on conflict (fingerprint, purpose) do nothing

-- keys_page: some retirees' keys after one, held so that nobody is erased meanwhile
select retiree, wrapped from ledger.retiree_key where retiree > %(after)s order by retiree limit %(limit)s for update

-- keys_save: the same keys, wrapped anew
update ledger.retiree_key as k set wrapped = n.wrapped
from unnest(%(retirees)s::uuid[], %(wrapped)s::bytea[]) as n(retiree, wrapped) where k.retiree = n.retiree

-- rotation_at: so far
update ledger.master_key set rotated = %(rotated)s

-- rotation_age: how many seconds ago it began, by the database's clock
select extract(epoch from clock_timestamp() - begun_at)::float8 from ledger.master_key

-- rotation_end: the next key is the ledger's
update ledger.master_key set fingerprint = next, next = null, begun_at = null, rotated = null

-- secrets_forget: what was handed on to other keys
delete from ledger.kept_secret where fingerprint <> %(fingerprint)s
