-- Rotating the key-encryption key: which one is next, since when, and how far the retirees' keys are wrapped anew.

alter table ledger.master_key
    add column next bytea,
    add column begun_at timestamptz,
    add column rotated uuid;

-- The secrets of the ledger (what numbers are hashed with, what receipts are signed with, ...) handed on to a key that they
-- do not follow from, wrapped under it.
create table ledger.kept_secret (
    fingerprint bytea not null,
    purpose text not null,
    wrapped bytea not null,
    primary key (fingerprint, purpose)
);
