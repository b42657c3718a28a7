-- Accounts: who may ask. What an account is for follows from the log; hashes of secrets are here alone, and in no event.
create table ledger.account (
    account text primary key,
    standing jsonb not null,
    password text,  -- argon2id, with its parameters; null: nobody signs in at the pages by it
    must_change boolean not null default false,  -- the password was given by somebody else
    disabled text,  -- why; null while it may be used
    revision integer not null default 1,  -- tokens name it: an older one is over
    registered_at timestamptz not null default clock_timestamp()
);
create unique index on ledger.account ((standing ->> 'subject')) where standing ? 'subject';

-- The secrets of programs: random, 256 bits, so that a fast hash does. `until`: the end of an older one; null: it stays.
create table ledger.account_secret (
    account text not null references ledger.account,
    digest bytea not null,
    until timestamptz,
    made_at timestamptz not null default clock_timestamp(),
    primary key (account, digest)
);

-- Attempts to sign in, each counted before the secret is looked at, so that many at once are as many. `subject` is a keyed
-- hash of a name that was claimed or of an address: people type passwords into the wrong field.
create table ledger.attempt (
    subject bytea primary key,
    failures integer not null,
    last_at timestamptz not null default clock_timestamp(),
    wait_until timestamptz not null default '-infinity'
);
create index on ledger.attempt (last_at);

-- Sessions of people at the pages. Of the cookie only a hash is kept: whoever reads this table cannot sign in by it.
create table ledger.session (
    digest bytea primary key,
    account text not null references ledger.account,
    purpose text not null default '',
    began_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);
create index on ledger.session (account);

-- The keys that tokens are signed with (Ed25519), the seed sealed. The newest signs; an older one is known until its end.
create table ledger.token_key (
    kid text primary key,
    sealed bytea not null,
    public bytea not null,
    made_at timestamptz not null default clock_timestamp(),
    until timestamptz
);

grant insert, update on ledger.account, ledger.token_key to changqing_services;
grant insert, update, delete on ledger.account_secret, ledger.attempt, ledger.session to changqing_services;
