-- Records that are one person's: the record of a number that another one leads. It follows from the log, and a row goes when
-- the two part again; who is behind a number (`ledger.identity`) never changes.
create table ledger.led (
    record uuid primary key,
    leader uuid not null
);
grant insert, delete on ledger.led to changqing_services;
grant delete on ledger.mark to changqing_services;

-- The roster leaves out records that another one leads. No log has any yet, so nothing is folded again.
alter table views.roster
    add column under uuid,
    add column led_by uuid;
