-- When something falls due for somebody without any fact: found by its index, never by looking through everybody.
-- `infinity`: nothing does. Written with the state it follows from, and only where it changes.
create table ledger.due (
    stream uuid primary key,
    day date not null
);
create index on ledger.due (day, stream) where day < 'infinity';
grant insert, update on ledger.due to changqing_services;

-- Nobody knows what fell due for those who are here already: the first day goes through all of them.
insert into ledger.due select stream, date '2000-01-01' from ledger.stream where state is not null;
