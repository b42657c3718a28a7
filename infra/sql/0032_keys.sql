-- Keys: those that receipts are signed with, one after the other; and whose keys nobody may let go of but by erasing them.

-- 1. The keys of receipts (Ed25519). Each signs from its `since` until the next one's; the public halves stay for ever, as receipts
-- do. Before the first rotation there is none here: the key follows from the ledger's. `sealed`: the seed, null when it signs no more,
-- and of the very first, which is the ledger's own. `until`: nothing recorded later is signed by it.
create table ledger.receipt_key (
    kid text primary key,
    sealed bytea,
    public bytea not null,
    since timestamptz not null,
    until timestamptz
);
grant select, insert, update on ledger.receipt_key to changqing_services;
select rights.guard('ledger', 'receipt_key');
