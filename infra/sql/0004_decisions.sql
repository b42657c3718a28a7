-- What decisions look up by key: reports and documents that were taken back, and reports that a state leaves out (`value`: the
-- mark of their document), each as a hash of its name. A state would grow with each of them, and a fact asks for two at most.
create table ledger.mark (
    stream uuid not null,
    mark bytea not null,
    value bytea,
    primary key (stream, mark)
);
grant insert on ledger.mark to changqing_services;

-- What the tables of migration 0002 let services do; it ran before there was a role.
grant insert on ledger.originator to changqing_services;
grant insert, delete on ledger.snapshot to changqing_services;
