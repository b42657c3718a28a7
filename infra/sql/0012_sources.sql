-- The register of sources: what is agreed with each, and the keys they sign with. It follows from the log, where every change
-- stands with who made it; these rows are how it stands now.
create table ledger.source (
    source text primary key,
    department text not null,
    office text not null,
    must_be_signed boolean not null,
    heartbeat_minutes int,
    sequence_required boolean not null
);

-- One name is one key, whosever it is. `revoked_since`: nothing counts that is received from then on.
create table ledger.source_key (
    keyid text primary key,
    source text not null references ledger.source,
    public bytea not null,
    valid_from timestamptz not null,
    valid_until timestamptz,
    revoked_at timestamptz,
    revoked_since timestamptz
);
grant insert, update (office, must_be_signed, heartbeat_minutes, sequence_required) on ledger.source to changqing_services;

-- A key is revoked, and that is all that ever happens to it.
grant insert, update (revoked_at, revoked_since) on ledger.source_key to changqing_services;
create trigger refuse_change before update of keyid, source, public, valid_from, valid_until or delete on ledger.source_key
    for each row execute function ledger.refuse_change();
create trigger refuse_truncate before truncate on ledger.source_key execute function ledger.refuse_change();
alter table ledger.source_key enable always trigger refuse_change, enable always trigger refuse_truncate;
