-- Answers that move money, of those accounts whose answers are counted: which, when, and in which content. What stands here
-- bounds how many one account gives without a second person, and how many an approval lets in; nothing else follows from it.
create table ledger.answered (
    account text not null,
    answer bytea not null,  -- a hash of source, id and content: the same again is not counted again
    content text not null,  -- the digest of the request or the file that it came in
    approved boolean not null,
    at timestamptz not null default clock_timestamp(),
    primary key (account, answer)
);
create index on ledger.answered (account, at) where not approved;
create index on ledger.answered (content) where approved;
grant insert, delete on ledger.answered to changqing_services;
select rights.guard('ledger', 'answered');
